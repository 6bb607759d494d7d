#pragma once
// What decides who may go.

#include "light.hpp"

#include <chrono>
#include <variant>

namespace crossing {

enum class road : std::uint8_t { main, side };

// The states, in the order of a round.
struct blinking {  // after a start: all see that the lights are not to be trusted
  int flashes = 6;
};
struct all_red {
  road next = road::main;
};
struct green {
  road on = road::main;
};
struct amber {
  road on = road::main;
};
struct walking {
  road next = road::main;
};

/// A pedestrian has pressed the button: answered when the pedestrians' light turns green.
struct press {
  using reply = void;
};
/// To itself: what it shows has been shown for long enough.
struct time_up {};

/// How long it stays in its states.
struct timing {
  std::chrono::nanoseconds second = std::chrono::seconds(1);  // shorter: all goes faster
  int flash = 1;
  int green = 8;
  int green_when_pressed = 2;
  int amber = 2;
  int all_red = 1;
  int walk = 4;
};

class controller
    : public troupe::state_machine<std::variant<blinking, all_red, green, amber, walking>> {
 public:
  using handles = troupe::messages<time_up, press>;
  explicit controller(timing t) : state_machine(blinking{}), timing_(t) {}

  void enter(blinking&) { flash(); }
  void enter(all_red&);
  void enter(green&);
  void enter(amber&);
  void enter(walking&);

  void handle(blinking&, time_up);
  void handle(all_red&, time_up);
  void handle(green&, time_up);
  void handle(amber&, time_up);
  void handle(walking&, time_up);

  void handle(walking&, press) {}  // go
  void handle(green&, troupe::request<press>&);
  void handle(troupe::request<press>&);  // in all other states

 private:
  void flash();
  void show_on(road r, colour c) const;
  void stay(int seconds) { set_state_timeout(seconds * timing_.second, time_up{}); }

  timing timing_;
  bool pressed_ = false;
  colour flashes_ = colour::dark;
};

}  // namespace crossing
