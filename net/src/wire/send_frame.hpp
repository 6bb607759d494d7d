#pragma once
// The frame that most traffic consists of, written and read in place: protobuf's objects for it
// cost four allocations and a copy of the message on each side.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace troupe::net {

/// `send` of frame.proto. The payload belongs to somebody else.
struct send_frame {
  bool named = false;        ///< to a registered name
  std::uint64_t target = 0;  ///< the process, or the name's number
  std::uint32_t type = 0;    ///< the type's number
  std::string_view payload = {};
};

/// Appends the frame as it goes on the stream: length and body, the same bytes as protobuf's.
void append_frame(std::vector<std::byte>& to, const send_frame& frame);

/// Reads a body that is a send in the form that `append_frame` gives it. Nothing for any other,
/// valid or not: those are for `parse_frame`. The payload lies in the body.
[[nodiscard]] std::optional<send_frame> read_send(std::span<const std::byte> body);

}  // namespace troupe::net
