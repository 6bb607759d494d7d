#pragma once
// Threads, locks and sleeping until woken: the only place that names them.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace troupe::platform {

using mutex = std::mutex;
using shared_mutex = std::shared_mutex;
using condition = std::condition_variable;
using thread = std::thread;

[[nodiscard]] std::size_t core_count() noexcept;
void name_this_thread(const char* name) noexcept;

// The word is 32 bits wide. Sleeps while it has the expected value, until it is woken or the limit
// is over. May return for no reason.
void futex_wait(const void* word, std::uint32_t expected, std::chrono::nanoseconds limit) noexcept;
void futex_wake_one(const void* word) noexcept;

inline void yield_thread() noexcept { std::this_thread::yield(); }

// One thread sleeps here until another unparks it. An unpark that comes first is not lost.
class parker {
 public:
  // Takes the token if there is one. Both exchanges are acquire and release: whichever comes second
  // sees all that the other thread did before the first.
  bool consume() noexcept { return word_.exchange(empty, std::memory_order_acq_rel) == token; }
  void park(std::chrono::nanoseconds limit) noexcept {
    if (consume()) return;
    futex_wait(&word_, empty, limit);
    consume();
  }
  void unpark() noexcept {
    if (word_.exchange(token, std::memory_order_acq_rel) == empty) futex_wake_one(&word_);
  }

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t token = 1;
  std::atomic<std::uint32_t> word_{empty};
};

}  // namespace troupe::platform
