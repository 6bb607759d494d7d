#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace troupe::net::internal {

/// The node to which a shard belongs: the one of the greatest weight (rendezvous hashing, Thaler
/// and Ravishankar 1998). When a node comes it takes its share from all, when one goes all take
/// theirs, and nothing else moves. Empty if there is no node.
[[nodiscard]] std::string_view owner_of(std::uint32_t shard, const std::set<std::string>& nodes);

}  // namespace troupe::net::internal
