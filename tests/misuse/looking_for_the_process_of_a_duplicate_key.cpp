// refused: several processes may be under a duplicate key: use lookup, match or send
#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

#include <string>

void look(const troupe::registry<std::string, int, troupe::registry_keys::duplicate>& topics) {
  (void)topics.whereis("news");
}
