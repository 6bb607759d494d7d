// refused: a reference cannot be sent: processes share nothing; send the value
#include <troupe/troupe.hpp>

struct borrowed {
  int& owned_by_another;
};

void misuse(troupe::context self, troupe::pid to, int& shared) { self.send(to, borrowed{shared}); }
