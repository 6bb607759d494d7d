// refused: a raw pointer cannot be sent: processes share nothing
#include <troupe/async.hpp>

void misuse(troupe::context self) {
  auto t = troupe::async(self, [](int n) { return new int(n); }, 1);
}
