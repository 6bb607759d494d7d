#include "platform/environment.hpp"

#include <cstdlib>

namespace troupe::net {

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace troupe::net
