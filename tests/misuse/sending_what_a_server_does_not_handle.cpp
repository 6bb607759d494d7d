// refused: this server does not handle this message: add the type to its `handles`
#include <troupe/troupe.hpp>

struct add {};
struct reset {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add>;
  void handle(add) {}
};

void misuse(troupe::context self, troupe::ref<counter> to) { self.send(to, reset{}); }
