// refused: a server needs a public handle.T. for each type T in its `handles`
#include <troupe/troupe.hpp>

struct add {};
struct reset {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add, reset>;
  void handle(add) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
