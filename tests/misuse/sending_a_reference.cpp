// refused: a reference cannot be sent: processes share nothing; send the value
#include <troupe/troupe.hpp>

void misuse(troupe::context self, troupe::pid to, int& shared) {
  self.send(to, std::tuple<int&>(shared));
}
