// refused: a context cannot be sent
#include <troupe/troupe.hpp>

struct job {
  troupe::context for_whom;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, job{self}); }
