// refused: a server needs a public handle.T. for each type T in its `handles`
#include <troupe/troupe.hpp>

struct add {};
struct subtract {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add>;
  void handle(subtract) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
