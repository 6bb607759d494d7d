// refused: a state machine needs, for each type T in its `handles`, a public handle
// in at most 32 lines
#include <troupe/state_machine.hpp>
#include <troupe/troupe.hpp>

struct closed {};
struct open {};
struct push {};

class door : public troupe::state_machine<std::variant<closed, open>> {
 public:
  using handles = troupe::messages<push>;
  door() : state_machine(closed{}) {}
  void handle(closed&, push) {}
};

void misuse(troupe::system& system) { system.spawn<door>(); }
