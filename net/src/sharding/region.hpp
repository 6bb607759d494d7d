#pragma once

#include "sharding/mail_buffer.hpp"

namespace troupe::net::internal {

class cluster;

/// The process that each node has for a sharding, registered under its name. All that this node
/// sends to keys goes through it: to the shard, on whatever node that is, or into a buffer while
/// nobody has the shard. It finds shards by the directory, once it has mail for them. Unless it is
/// a proxy, it finds the other nodes by a process group, and has a shard's process for each shard
/// that belongs here.
[[nodiscard]] process run_region(context self, plan_ptr plan, std::shared_ptr<cluster> here);

}  // namespace troupe::net::internal
