#pragma once

#include <string>

namespace troupe::net {

/// The value of an environment variable; empty if it is not set.
[[nodiscard]] std::string environment_value(const char* name);

}  // namespace troupe::net
