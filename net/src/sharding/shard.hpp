#pragma once

#include "sharding/mail_buffer.hpp"

namespace troupe::net::internal {

/// The name of a shard in the directory.
[[nodiscard]] std::string shard_name(const sharding_plan& plan, std::uint32_t number);

/// The process of one shard on a node to which it belongs: waits for its lease, then starts a
/// process for each key that has mail and hands it on. When its region tells it to shut down, it
/// has those who send it mail stop, its processes read what has come, and ends with all of them;
/// when its lease is lost it ends them within the lease. So while it does not have the lease, no
/// process of its keys lives.
[[nodiscard]] process hold_shard(context self, plan_ptr plan, std::uint32_t number,
                                 std::shared_ptr<shard_tally> tally);

}  // namespace troupe::net::internal
