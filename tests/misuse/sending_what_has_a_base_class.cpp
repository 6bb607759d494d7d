// refused: a message that is an aggregate has no base class: make a member of it
#include <troupe/troupe.hpp>

struct numbered {
  int number;
};
struct named : numbered {
  std::string name;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, named{{1}, "one"}); }
