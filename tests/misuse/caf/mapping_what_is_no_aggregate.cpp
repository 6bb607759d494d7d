// refused: T must be an aggregate
#include <troupe/caf.hpp>

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(
      guests, home, troupe::caf::types<troupe::caf::maps<int, caf::add_atom, int>>{});
}
