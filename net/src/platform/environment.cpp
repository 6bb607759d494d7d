#include "platform/environment.hpp"

#include <cstdlib>

#include "platform/peer_environment.hpp"

namespace troupe::net {

std::string environment_value(const char* name) {
  if (const std::string* sent = sent_variable(name)) return *sent;
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace troupe::net
