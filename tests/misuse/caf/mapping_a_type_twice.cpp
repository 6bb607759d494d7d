// refused: names a type twice
#include <troupe/caf.hpp>

struct add {
  int a;
};
template <class Inspector>
auto inspect(Inspector& f, add& x) {
  return f(x.a);
}

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(
      guests, home, troupe::caf::types<add, troupe::caf::maps<add, caf::add_atom, int>>{});
}
