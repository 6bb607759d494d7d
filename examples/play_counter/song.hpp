#pragma once

#include <troupe/net/sharding.hpp>

#include <optional>

namespace play {

// What the process of a song is asked. A type that names a reply is answered.

struct add_play {
  using reply = std::int64_t;  // the new count, which is committed
};
struct get_plays {
  using reply = std::int64_t;
};
struct clear_plays {
  using reply = std::int64_t;  // how many there were
};

/// The process of one song, on the node that has its shard: it knows the count, and writes it to
/// "counts" with the token of its shard. One that has lost its shard, and does not know it yet,
/// cannot write over what its successor has written.
class song : public troupe::server {
 public:
  using handles = troupe::messages<add_play, get_plays, clear_plays>;

  song(troupe::net::shard_key at, troupe::destination counts)
      : at_(std::move(at)), counts_(std::move(counts)) {}

  troupe::task<> handle(troupe::request<add_play> first);
  troupe::task<> handle(troupe::request<get_plays> asked);
  troupe::task<> handle(troupe::request<clear_plays> asked);

 private:
  const troupe::net::shard_key at_;
  const troupe::destination counts_;
  std::optional<std::int64_t>
      plays_;  // empty: it must be read, as after an answer that did not come
};

/// The processes of all songs of the cluster.
inline const troupe::net::sharding<song> songs("songs");

}  // namespace play
