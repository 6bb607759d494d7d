// refused: ignoring return value .*co_await it
#include <troupe/troupe.hpp>

struct add {};

troupe::process misuse(troupe::context self) {
  self.receive([](add) {});
  co_return;
}
