// refused: give one element for each field of T
// in at most 45 lines
#include <troupe/caf.hpp>

struct add {
  int a;
  int b;
};

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(
      guests, home, troupe::caf::types<troupe::caf::maps<add, caf::add_atom, int>>{});
}
