// refused: a type is listed twice in `handles`
#include <troupe/troupe.hpp>

struct add {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add, add>;
  void handle(add) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
