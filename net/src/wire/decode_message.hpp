#pragma once

#include <troupe/message.hpp>

#include <string>
#include <string_view>

#include "wire/codec.hpp"

namespace troupe::net {

struct encoded_message {
  std::string_view type;  ///< its name
  message_kind role;
  std::string_view payload;
};

/// The message; or none, and for the log and the sender, why: `found` is what this program has
/// under its name and role.
[[nodiscard]] message decode_message(const found_type& found, const encoded_message& in,
                                     pid_mapper& pids, const limits& bounds, std::string& why);

}  // namespace troupe::net
