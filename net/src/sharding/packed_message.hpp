#pragma once

#include <troupe/message.hpp>
#include <troupe/pid.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wire/limits.hpp"

namespace troupe::net::internal {

/// A message inside of another one that goes to a node: its value encoded, with the pids in it
/// beside, because only the connection can tell the other node what they mean.
struct packed_message {
  std::string type;
  std::vector<std::byte> payload;
  std::vector<pid> pids;
};

/// Why it cannot be sent, or nothing.
[[nodiscard]] std::optional<std::string> pack(packed_message& to, const message& what,
                                              const limits& bounds);
/// The value or the request that was packed, or why it cannot be received here. Who waits for the
/// answer to a request is to be filled in.
[[nodiscard]] std::variant<message, std::string> unpack(const packed_message& from,
                                                        message_kind kind, const limits& bounds);

}  // namespace troupe::net::internal
