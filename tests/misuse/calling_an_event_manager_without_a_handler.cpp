// refused: this server does not handle this message
#include <troupe/event_manager.hpp>

struct get_count {
  using reply = int;
};

troupe::task<> misuse(troupe::context self, troupe::event_manager_ref alarms) {
  co_await self.call(alarms, get_count{});
}
