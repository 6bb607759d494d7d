// refused: `after` is the last clause of a receive
#include <troupe/troupe.hpp>

troupe::process misuse(troupe::context self) {
  co_await self.receive(troupe::after(std::chrono::seconds(1), [] {}), [](int) {});
}
