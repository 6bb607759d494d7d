// refused: names a type twice
#include <troupe/caf.hpp>

struct add {
  int a;
};

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(
      guests, home, troupe::caf::types<add, troupe::caf::maps<add, caf::add_atom, int>>{});
}
