// refused: ignoring return value .*co_await it
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

troupe::process misuse(troupe::context self, troupe::pid to) {
  self.call(to, get{});
  co_return;
}
