// refused: a raw pointer cannot be sent
// in at most 33 lines
#include <troupe/troupe.hpp>

struct batch {
  std::vector<std::optional<int*>> items;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, batch{}); }
