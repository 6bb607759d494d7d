#pragma once

#include <troupe/message.hpp>
#include <troupe/reflection.hpp>

#include <cstddef>
#include <cstdint>

namespace troupe::net::internal {

/// Bytes that a message takes in memory, as far as its type tells. Costs a walk over its fields.
[[nodiscard]] std::size_t footprint(const message& what);

/// Of that what a value holds beside itself.
[[nodiscard]] std::size_t held_bytes(const type_info& type, const void* value);

/// What is known of all values of a type.
enum class extent : std::uint8_t {
  fixed,     // they hold nothing beside themselves
  measured,  // `held_bytes` tells
  unknown,
};
[[nodiscard]] extent extent_of(const type_info& type, int depth = 0);

}  // namespace troupe::net::internal
