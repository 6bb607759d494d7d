// refused: this handle must return the reply that the request type names
#include <troupe/state_machine.hpp>
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

class light : public troupe::state_machine<int> {
 public:
  using handles = troupe::messages<get>;
  light() : state_machine(0) {}
  void handle(get) {}
};

void misuse(troupe::system& system) { system.spawn<light>(); }
