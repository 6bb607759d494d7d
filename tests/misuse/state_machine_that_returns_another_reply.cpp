// refused: this value is not of the request's reply type
// in at most 40 lines
#include <troupe/state_machine.hpp>
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

class light : public troupe::state_machine<int> {
 public:
  using handles = troupe::messages<get>;
  light() : state_machine(0) {}
  std::string handle(get) { return "five"; }
};

void misuse(troupe::system& system) { system.spawn<light>(); }
