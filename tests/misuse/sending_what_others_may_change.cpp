// refused: a std::shared_ptr to something mutable cannot be sent
#include <troupe/troupe.hpp>

struct job {
  std::shared_ptr<std::string> text;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, job{}); }
