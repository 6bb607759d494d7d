#pragma once

#include <troupe/message.hpp>

namespace troupe::internal {

// Bytes that a message takes: its node, and the texts, byte strings and elements that its value
// owns. Of what no format can see inside, the size of its type. Without what the allocator adds.
[[nodiscard]] std::size_t footprint(const message_node& node) noexcept;

}  // namespace troupe::internal
