#include "controller.hpp"

namespace crossing {
namespace {

constexpr road other(road r) { return r == road::main ? road::side : road::main; }

}  // namespace

void controller::show_on(road r, colour c) const {
  self.send(r == road::main ? "main road" : "side road", show{c});
}

// --- a round: all red, green for one road, amber, all red, perhaps pedestrians ------------------

void controller::enter(all_red&) {
  for (const road r : {road::main, road::side}) show_on(r, colour::red);
  self.send("pedestrians", show{colour::red});
  stay(timing_.all_red);
}
void controller::enter(green& s) {
  show_on(s.on, colour::green);
  stay(pressed_ ? timing_.green_when_pressed : timing_.green);
}
void controller::enter(amber& s) {
  show_on(s.on, colour::amber);
  stay(timing_.amber);
}
void controller::enter(walking&) {
  pressed_ = false;
  self.send("pedestrians", show{colour::green});
  stay(timing_.walk);
}

void controller::handle(all_red& s, time_up) {
  if (pressed_)
    next_state(walking{s.next});
  else
    next_state(green{s.next});
}
void controller::handle(green& s, time_up) { next_state(amber{s.on}); }
void controller::handle(amber& s, time_up) { next_state(all_red{other(s.on)}); }
void controller::handle(walking& s, time_up) { next_state(all_red{s.next}); }

// --- the button ---------------------------------------------------------------------------------

// The press is postponed until the state is `walking`, whose handler answers it.
void controller::handle(troupe::request<press>&) {
  pressed_ = true;
  postpone();
}
void controller::handle(green&, troupe::request<press>&) {
  if (!pressed_) stay(timing_.green_when_pressed);
  pressed_ = true;
  postpone();
}

// --- after a start ------------------------------------------------------------------------------

void controller::handle(blinking& s, time_up) {
  if (--s.flashes == 0) return next_state(all_red{});
  flash();
}
void controller::flash() {
  flashes_ = flashes_ == colour::amber ? colour::dark : colour::amber;
  for (const road r : {road::main, road::side}) show_on(r, flashes_);
  stay(timing_.flash);
}

}  // namespace crossing
