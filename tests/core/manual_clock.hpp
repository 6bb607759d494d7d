#pragma once
// A clock that a test moves. With one worker a whole system is then deterministic: see settle.

#include <troupe/troupe.hpp>

#include <atomic>
#include <chrono>
#include <memory>

namespace troupe_test {

class manual_clock final : public troupe::clock {
 public:
  troupe::steady_time now() const noexcept override {
    return troupe::steady_time(std::chrono::nanoseconds(now_.load(std::memory_order_acquire)));
  }
  std::chrono::system_clock::time_point wall() const noexcept override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(now().time_since_epoch()));
  }
  void advance(std::chrono::nanoseconds by) noexcept {
    now_.fetch_add(by.count(), std::memory_order_acq_rel);
  }

 private:
  std::atomic<std::int64_t> now_{0};
};

// Timers are rounded up to ticks of a wheel: how late one may be by that alone.
inline constexpr std::chrono::nanoseconds timer_tick{1 << 17};

// On a system of one worker: all that can happen without further time or messages has happened,
// timers that are due included. A worker looks at its timers every 64 turns.
inline troupe::task<> settle(troupe::context self) {
  for (int i = 0; i < 300; ++i) co_await self.yield();
}

}  // namespace troupe_test
