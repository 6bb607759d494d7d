#pragma once
// A clock that a test moves. With one worker a whole system is then deterministic: see settle.

#include <troupe/troupe.hpp>

#include "support/surroundings.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace troupe_test {

// In a simulation that one's clock, which stands still while anything can run.
class manual_clock final : public troupe::clock {
 public:
  troupe::steady_time now() const noexcept override {
    if (in_ != nullptr) return in_->now();
    return troupe::steady_time(std::chrono::nanoseconds(now_.load(std::memory_order_acquire)));
  }
  std::chrono::system_clock::time_point wall() const noexcept override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(now().time_since_epoch()));
  }
  void advance(std::chrono::nanoseconds by) noexcept {
    if (in_ != nullptr) return in_->spend(by);
    now_.fetch_add(by.count(), std::memory_order_acq_rel);
  }

 private:
  const std::shared_ptr<test_simulation> in_ =
      simulated() ? test_simulation::current(0ns) : nullptr;
  std::atomic<std::int64_t> now_{0};
};

// All that can happen without further time or messages happens, timers that are due included: on a
// system of one worker, which looks at its timers every 64 turns, or in a simulation.
inline troupe::task<> settle(troupe::context self) {
  if (simulated()) {
    co_await self.blocking([in = test_simulation::current()] {
      while (in->step(in->now())) {
      }
    });
  } else {
    for (int i = 0; i < 300; ++i) co_await self.yield();
  }
}

// Timers are rounded up to ticks of a wheel: how late one may be by that alone.
inline constexpr std::chrono::nanoseconds timer_tick{1 << 17};

}  // namespace troupe_test
