// refused: gives one message of CAF to two types
#include <troupe/caf.hpp>

struct add {
  int a;
};
struct subtract {
  int a;
};

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(
      guests, home,
      troupe::caf::types<troupe::caf::maps<add, caf::add_atom, int>,
                         troupe::caf::maps<subtract, caf::add_atom, int>>{});
}
