// refused: a server lists what it handles: using handles =
#include <troupe/troupe.hpp>

struct add {};

class counter : public troupe::server {
 public:
  void handle(add) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
