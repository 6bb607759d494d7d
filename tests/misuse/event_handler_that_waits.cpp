// refused: the handle of an event returns nothing: a handler must not wait
#include <troupe/event_manager.hpp>

struct alarm_raised {};

class console : public troupe::event_handler {
 public:
  using handles = troupe::messages<alarm_raised>;
  troupe::task<> handle(const alarm_raised&) { co_await self.yield(); }
};

auto misuse() { return troupe::handler<console>("console"); }
