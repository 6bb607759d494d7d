// refused: this server does not handle this message: add the type to its `handles`
#include <troupe/net/sharding.hpp>

struct add {};
struct subtract {};

class counter : public troupe::server {
 public:
  using handles = troupe::messages<add>;
  explicit counter(std::string key);
  void handle(add) {}
};

void misuse(troupe::context self, const troupe::net::sharding<counter>& counters) {
  counters.send(self, "a key", subtract{});
}
