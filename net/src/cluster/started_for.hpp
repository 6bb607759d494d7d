#pragma once

#include <troupe/distribution.hpp>
#include <troupe/spawn.hpp>

#include <atomic>
#include <cstddef>
#include <memory>

namespace troupe::net::internal {

/// How many processes that one other node has started here live: peer_quota::processes. Any thread.
struct started_count {
  explicit started_count(std::size_t most) : limit(most) {}
  const std::size_t limit;
  std::atomic<std::size_t> alive{0};
};

/// What a process enters, before it runs, that is started by spawn_on or its like: the count of its
/// node's processes, and the monitor of who has asked for it.
class started_for final : public troupe::internal::place {
 public:
  /// `in` is null for who asks its own node.
  started_for(troupe::internal::engine& home, std::shared_ptr<started_count> in, pid asks,
              monitor_ref monitor)
      : home_(home), in_(std::move(in)), asks_(asks), monitor_(monitor) {}

  /// Throws exit_request, with the reason for the other node, if there are too many.
  [[nodiscard]] std::unique_ptr<troupe::internal::kept_until_end> enter(pid process) const override;

 private:
  troupe::internal::engine& home_;
  const std::shared_ptr<started_count> in_;
  const pid asks_;
  const monitor_ref monitor_;
};

}  // namespace troupe::net::internal
