// refused: the enter of a state machine is public, returns void, and is an enter
#include <troupe/state_machine.hpp>
#include <troupe/troupe.hpp>

struct push {};

class light : public troupe::state_machine<int> {
 public:
  using handles = troupe::messages<push>;
  light() : state_machine(0) {}
  void handle(push) {}
  troupe::task<> enter(int) { co_return; }
};

void misuse(troupe::system& system) { system.spawn<light>(); }
