#pragma once

#include <troupe/message.hpp>

#include <string>
#include <string_view>
#include <variant>

#include "wire/codec.hpp"

namespace troupe::net {

/// The message in that role from its payload; or, for the log and the sender, why there is none:
/// `found` is what this program has under the name that came with it.
[[nodiscard]] std::variant<message, std::string> decode_message(
    const found_type& found, std::string_view name, message_kind role, std::string_view payload,
    pid_mapper& pids, const limits& bounds);

}  // namespace troupe::net
