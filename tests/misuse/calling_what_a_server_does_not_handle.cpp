// refused: this server does not handle this message: add the type to its `handles`
#include <troupe/troupe.hpp>

struct add {};
struct get {
  using reply = int;
};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add>;
  void handle(add) {}
};

int misuse(troupe::system& system, troupe::ref<counter> to) { return system.call(to, get{}); }
