#include "light.hpp"

#include <stdexcept>

namespace crossing {

std::string_view to_text(colour c) {
  switch (c) {
    case colour::dark: return "-";
    case colour::red: return "red";
    case colour::amber: return "amber";
    case colour::green: return "green";
  }
  return "?";
}

void light::enter(colour /*from*/) { self.send("panel", shown{name_, state()}); }

void light::handle(show s) {
  if (state() == colour::green && s.now == colour::red && has_amber_) unexpected();
  next_state(s.now);
}

void light::handle(short_circuit) { throw std::runtime_error("short circuit"); }

}  // namespace crossing
