#pragma once
// Nothing here is for users to name.

#include <troupe/compiler.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace troupe::internal {

// The atomics of the lock-free parts. Each of those is a template over this policy, so that the
// model checker (tests/model) can put its own in the place of the standard's and search all
// interleavings.
struct std_sync {
  template <class T>
  using atomic = std::atomic<T>;
  // Plain data that one thread hands to another.
  template <class T>
  using var = T;

  // Of two threads that each write and then look at what the other writes, with a barrier between,
  // one sees the other: the light one costs nothing, the heavy one a system call. (Linux:
  // membarrier; where it is missing, the light one is a fence.)
  struct lopsided_barrier {
    static void light() noexcept {
      if (kernel_helps)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      else
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    static void heavy() noexcept;
    static const bool kernel_helps;  // set before main
  };
  static void yield() noexcept;

  // Sleeps while the word has the expected value, until it is woken or the limit is over. May
  // return for no reason.
  static void sleep(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                    std::chrono::nanoseconds limit) noexcept;
  static void wake_one(const std::atomic<std::uint32_t>& word) noexcept;
};

}  // namespace troupe::internal
