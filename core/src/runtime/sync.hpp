#pragma once

#include <atomic>

namespace troupe::internal {

// The atomics of the lock-free parts. Each of those is a template over this policy, so that a model
// checker can put its own in the place of the standard's and search all interleavings.
struct std_sync {
  template <class T>
  using atomic = std::atomic<T>;
};

}  // namespace troupe::internal
