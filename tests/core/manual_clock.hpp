#pragma once
// A clock that a test moves. With one worker a whole system is then deterministic: see settle.

#include <troupe/troupe.hpp>

#include "support/surroundings.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace troupe_test {

#ifndef TROUPE_SIMULATED

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

// On a system of one worker: all that can happen without further time or messages happens, timers
// that are due included. A worker looks at its timers every 64 turns.
inline troupe::task<> settle(troupe::context self) {
  for (int i = 0; i < 300; ++i) co_await self.yield();
}

#else

// The simulation's clock, which stands still while anything can run.
class manual_clock final : public troupe::clock {
 public:
  troupe::steady_time now() const noexcept override { return in_->now(); }
  std::chrono::system_clock::time_point wall() const noexcept override { return {}; }
  void advance(std::chrono::nanoseconds by) noexcept { in_->spend(by); }

 private:
  const std::shared_ptr<test_simulation> in_ = test_simulation::current(0ns);
};

inline troupe::task<> settle(troupe::context self) {
  co_await self.blocking([in = test_simulation::current()] {
    while (in->step(in->now())) {
    }
  });
}

#endif

// Timers are rounded up to ticks of a wheel: how late one may be by that alone.
inline constexpr std::chrono::nanoseconds timer_tick{1 << 17};

}  // namespace troupe_test
