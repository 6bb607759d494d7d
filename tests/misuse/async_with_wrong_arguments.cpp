// refused: async needs a function that takes these arguments, perhaps after a troupe::context
#include <troupe/async.hpp>

void misuse(troupe::context self) {
  auto t = troupe::async(self, [](int n) { return n; }, std::string("one"));
}
