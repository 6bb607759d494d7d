// refused: this handle must return the reply that the request type names
#include <troupe/event_manager.hpp>

struct get_count {
  using reply = int;
};

class console : public troupe::event_handler {
 public:
  using handles = troupe::messages<get_count>;
  void handle(get_count) {}
};

auto misuse() { return troupe::handler<console>("console"); }
