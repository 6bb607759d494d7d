#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "sharding/shard_messages.hpp"

namespace troupe::net::internal {

/// What the region and the shards of one node count together, and what of each shard can be seen
/// from its region. Nothing is ordered by these: they are counts.
struct node_tally {
  std::atomic<std::size_t> processes{0};
  std::atomic<std::size_t> buffered{0};
  std::atomic<std::size_t> buffered_bytes{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<steady_time::rep> warned{steady_time::min().time_since_epoch().count()};
};
struct shard_tally {
  std::atomic<std::uint64_t> token{0};
  std::atomic<std::size_t> processes{0};
  std::atomic<std::size_t> buffered{0};
};

/// What all processes of a sharding on one node share.
struct sharding_plan {
  std::string name;
  directory names;
  sharding_options options;
  shard_starter start;  // empty: a proxy
  limits bounds;        // of messages between nodes
  std::shared_ptr<node_tally> tally = std::make_shared<node_tally>();
};
using plan_ptr = std::shared_ptr<const sharding_plan>;

/// Logs trouble with the lease of a shard, unless there was some in the ten seconds before: when
/// the directory is away all shards have it.
void warn_of_lease(const sharding_plan& plan, context self, const std::string& text);

/// Drops the message, or fails the call, and counts it. Logs the first, second, fourth, ... of the
/// node.
void refuse(const sharding_plan& plan, message what, const std::string& why);

/// Mail that waits, oldest first; all of a node has one bound.
class mail_buffer {
 public:
  explicit mail_buffer(plan_ptr plan) : plan_(std::move(plan)) {}
  mail_buffer(const mail_buffer&) = delete;
  mail_buffer& operator=(const mail_buffer&) = delete;
  /// What is left is refused.
  ~mail_buffer();

  /// Refuses it if there is no room.
  void push(shard_mail mail);
  [[nodiscard]] shard_mail pop();
  [[nodiscard]] bool empty() const noexcept { return mail_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return mail_.size(); }
  /// Requests whose callers have given up take no room.
  void drop_expired(steady_time now);

 private:
  struct entry {
    shard_mail mail;
    std::size_t bytes;
  };
  void count_out(const entry& gone) noexcept;

  plan_ptr plan_;
  std::deque<entry> mail_;
};

}  // namespace troupe::net::internal
