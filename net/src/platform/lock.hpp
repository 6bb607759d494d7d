#pragma once

#include <atomic>
#include <cstdint>
#include <shared_mutex>

namespace troupe::net::platform {

using shared_mutex = std::shared_mutex;

/// A mutex for what is held for some ten nanoseconds and hardly ever wanted by two: taken and given
/// back in one atomic step each, where std::mutex needs twice the time. Who finds it taken sleeps.
class light_mutex {
 public:
  // Acquire pairs with the release of unlock.
  void lock() noexcept {
    std::uint32_t seen = free;
    if (state_.compare_exchange_strong(seen, taken, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[likely]]
      return;
    // Whoever has waited leaves it as wanted, since others may wait, too.
    while (state_.exchange(wanted, std::memory_order_acquire) != free)
      state_.wait(wanted, std::memory_order_relaxed);
  }
  void unlock() noexcept {
    if (state_.exchange(free, std::memory_order_release) == wanted) [[unlikely]]
      state_.notify_one();
  }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t taken = 1;
  static constexpr std::uint32_t wanted = 2;
  std::atomic<std::uint32_t> state_{free};
};

}  // namespace troupe::net::platform
