// refused: an event handler needs a public handle
#include <troupe/event_manager.hpp>

struct alarm_raised {};

class console : public troupe::event_handler {
 public:
  using handles = troupe::messages<alarm_raised>;
};

auto misuse() { return troupe::handler<console>("console"); }
