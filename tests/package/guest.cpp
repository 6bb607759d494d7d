// An actor of CAF called as a process: what a user of troupe::caf builds first.
#include <troupe/caf.hpp>

#include <caf/all.hpp>

#include <iostream>

struct add {
  using reply = int;
  int a;
  int b;
};

caf::behavior calculator(caf::event_based_actor*) {
  return {[](caf::add_atom, int a, int b) { return a + b; }};
}

int main() {
  caf::actor_system_config config;
  caf::actor_system guests(config);
  troupe::system system;
  troupe::caf::bridge bridge(guests, system,
                             troupe::caf::types<troupe::caf::maps<add, caf::add_atom, int, int>>{});
  const troupe::pid c = bridge.adopt(guests.spawn(calculator));
  std::cout << "the actor says " << system.call(c, add{20, 22}) << '\n';
}
