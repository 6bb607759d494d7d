#pragma once
// One light: it shows a colour, and refuses to jump from green to red.

#include <troupe/state_machine.hpp>

#include <string>

namespace crossing {

enum class colour : std::uint8_t { dark, red, amber, green };
[[nodiscard]] std::string_view to_text(colour c);

/// To a light.
struct show {
  colour now;
};
/// To a light: the end of it.
struct short_circuit {};
/// From a light to the panel.
struct shown {
  std::string light;
  colour now;
};

class light : public troupe::state_machine<colour> {
 public:
  using handles = troupe::messages<show, short_circuit>;
  /// Lights for pedestrians have no amber.
  light(std::string name, bool has_amber)
      : state_machine(colour::dark), name_(std::move(name)), has_amber_(has_amber) {}

  void enter(colour /*from*/);
  void handle(show s);
  void handle(short_circuit);

 private:
  std::string name_;
  bool has_amber_;
};

}  // namespace crossing
