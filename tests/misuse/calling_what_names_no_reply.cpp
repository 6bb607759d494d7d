// refused: no matching member function for call to .call.
#include <troupe/troupe.hpp>

struct get {};

troupe::process misuse(troupe::context self, troupe::pid to) { co_await self.call(to, get{}); }
