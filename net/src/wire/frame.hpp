#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "troupe/frame.pb.h"

namespace troupe::net {

[[nodiscard]] inline std::uint32_t read_big_endian(std::span<const std::byte, 4> bytes) noexcept {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes) value = (value << 8) | std::to_integer<std::uint32_t>(byte);
  return value;
}

/// Appends `part` with its length as 4 bytes, big endian, in front: how a frame's body stands on
/// the stream, and how the parts of the handshake's transcript are told from one another.
void append_part(std::vector<std::byte>& to, std::span<const std::byte> part);

/// Appends the frame as it goes on the stream: length and body. The caller has checked that the
/// body is no longer than the peer's cap.
void append_frame(std::vector<std::byte>& to, const wire::frame& frame);

/// Reads a body, or gives nothing if it is not a serialized frame: broken or nested too deep. A
/// frame of a kind that this version does not know, or of none, has its kind not set.
[[nodiscard]] std::optional<wire::frame> parse_frame(std::span<const std::byte> body);

}  // namespace troupe::net
