// refused: spawn's arguments do not fit a constructor of this server
#include <troupe/troupe.hpp>

struct add {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add>;
  explicit counter(int start);
  void handle(add) {}
};

void misuse(troupe::system& system) { system.spawn<counter>(std::string("zero")); }
