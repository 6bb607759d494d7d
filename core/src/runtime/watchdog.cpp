#include "runtime/watchdog.hpp"

#include "runtime/worker_pool.hpp"

namespace troupe::internal {

void watchdog::start() {
  if (home_.options.long_turn <= std::chrono::nanoseconds::zero()) return;
  seen_.resize(pool_.workers());
  thread_ = platform::thread([this] { run(); });
}

void watchdog::stop() noexcept {
  if (!thread_.joinable()) return;
  state_.store(stopping, std::memory_order_seq_cst);
  platform::futex_wake_one(&state_);
  thread_.join();
}

// Only who sleeps is to be awake: an order to stop may come in between, and stays.
void watchdog::rouse() noexcept {
  std::uint32_t expected = asleep;
  if (state_.compare_exchange_strong(expected, awake, std::memory_order_seq_cst))
    platform::futex_wake_one(&state_);
}

void watchdog::run() {
  platform::name_this_thread("troupe-watchdog");
  while (state_.load(std::memory_order_relaxed) != stopping) {
    sleep();
    look();
  }
}

// Stays awake for a time first: a worker that rests for some microseconds between two messages does
// not pay for a wake-up at each of them.
void watchdog::sleep() {
  platform::futex_wait(&state_, awake, home_.options.long_turn / 4);
  std::uint32_t expected = awake;
  if (!pool_.all_rest() ||
      !state_.compare_exchange_strong(expected, asleep, std::memory_order_seq_cst))
    return;
  if (pool_.all_rest()) platform::futex_wait(&state_, asleep, infinity);
  expected = asleep;
  state_.compare_exchange_strong(expected, awake, std::memory_order_relaxed);
}

void watchdog::look() {
  const steady_time now = home_.options.time->now();
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const worker_pool::glimpse at = pool_.glance(i);
    sight& s = seen_[i];
    if (at.turn != s.turn || !at.process) {
      s = {at.turn, now, home_.options.long_turn};
    } else if (now - s.since >= s.report_after) {
      s.report_after *= 2;
      home_.log(log_level::warning,
                "process {}{} has held worker {} for {:.1f} s without a co_await, {}{}: divide the "
                "work by co_await self.yield(), or give it to self.blocking",
                to_string(at.process), home_.names.text_of(at.process), i,
                std::chrono::duration<double>(now - s.since).count(),
                at.handles == nullptr ? "since it was started or woken" : "since it took a ",
                at.handles == nullptr ? std::string_view() : at.handles->value->name);
    }
  }
}

}  // namespace troupe::internal
