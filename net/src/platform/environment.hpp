#pragma once

#include <string>

namespace troupe::net {

/// The value of an environment variable, or of what a parent has sent in its place; empty if it is
/// not set.
[[nodiscard]] std::string environment_value(const char* name);

}  // namespace troupe::net
