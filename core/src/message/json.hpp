#pragma once

#include <string>
#include <string_view>

namespace troupe::internal {

// The text as a JSON string, with its quotes (RFC 8259). What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_json(std::string_view text);

}  // namespace troupe::internal
