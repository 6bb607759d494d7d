#pragma once
// What the regions and shards of a sharding say to each other. A region is the process that each
// node has for a sharding; a shard is one that holds a lease and keeps the processes of its keys.
//
//   region -> shard   greet_shard          I have mail for you, or shall have
//   shard -> region   shard_here           from now on send it to me; again after each greeting
//   region -> shard   shard_send, _call    mail, in order
//   shard -> region   leave_shard          I am going: send me no more
//   region -> shard   left_shard           what I sent before this was the last
//
// So what a region has for a shard goes one way at a time, in order, and waits in between.

#include <troupe/net/sharding.hpp>

#include "sharding/packed_message.hpp"

namespace troupe::net::internal {

/// A message for a key; on this node only.
struct shard_mail {
  std::string key;
  message what;
};
/// The same from another node.
struct shard_send {
  std::string key;
  packed_message what;
};
/// A request for a key from another node. It is answered by the key's process with the reply of the
/// request inside: the caller knows which that is.
struct shard_call {
  using reply = void;
  std::string key;
  packed_message what;
};

struct greet_shard {
  pid region;
  std::uint64_t shards = 0;  // sharding_options::shards there
};
struct shard_here {
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  pid process;
};
struct leave_shard {
  std::uint32_t number = 0;
  std::uint64_t token = 0;
  pid process;
};
struct left_shard {
  pid region;
};

struct ask_status {
  using reply = sharding_status;
};

}  // namespace troupe::net::internal
