// refused: this handle must return the reply that the request type names
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<get>;
  void handle(get) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
