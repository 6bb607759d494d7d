#pragma once

#include <troupe/seams.hpp>

#include <atomic>
#include <cstdint>

namespace troupe {
struct system_counts;
struct message_counts;
}  // namespace troupe

namespace troupe::internal {

class engine;
class worker;
class timer_wheel;
struct process_slot;

// Counters of one worker; others only read them. A counter may be negative where things are made on
// one worker and ended on another: the sum counts.
struct tally {
  using counter = std::atomic<std::int64_t>;
  counter processes{0};
  counter timers{0};
  counter links{0};
  counter monitors{0};
  counter sent{0};
  counter taken{0};
  counter dropped{0};  // there was no receiver
  counter unread{0};
  counter expired{0};
  counter refused{0};

  void add_to(system_counts& sum) const noexcept;
  void add_to(message_counts& sum) const noexcept;

  // Owner: no read-modify-write, so that counting costs what adding does.
  static void add(counter& c, std::int64_t n) noexcept {
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

struct workplace;

// What this thread is doing. A worker sets `home`, `at` and `on` for life and `slot` for each turn;
// a simulation, which has no workers, sets all but `on` for each step.
struct running_state {
  engine* home = nullptr;
  workplace* at = nullptr;
  worker* on = nullptr;
  process_slot* slot = nullptr;
  int budget = 0;  // messages that the process may still take in this turn
};
extern constinit thread_local running_state running;

// Messages that a process may take before it goes to the end of the queue.
inline constexpr int turn_budget = 64;

}  // namespace troupe::internal
