// refused: a raw pointer cannot be sent
// in at most 35 lines
#include <troupe/caf.hpp>

struct borrowed {
  const char* text;
};

void use(caf::actor_system& guests, troupe::system& home) {
  const troupe::caf::bridge bridge(guests, home,
                                   troupe::caf::types<troupe::caf::maps<borrowed, const char*>>{});
}
