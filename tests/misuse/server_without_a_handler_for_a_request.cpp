// refused: a server needs a public handle.T., or handle.troupe::request<T>.
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<get>;
};

void misuse(troupe::system& system) { system.spawn<counter>(); }
