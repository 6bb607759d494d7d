// refused: the handlers of one receive must give results of one type
#include <troupe/troupe.hpp>

troupe::process misuse(troupe::context self) {
  co_await self.receive([](int) { return 1; }, [](bool) { return std::string("two"); });
}
