// refused: receive needs a handler
#include <troupe/troupe.hpp>

troupe::process misuse(troupe::context self) { co_await self.receive(); }
