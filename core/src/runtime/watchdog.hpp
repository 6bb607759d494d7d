#pragma once

#include <troupe/seams.hpp>

#include "platform/threads.hpp"

#include <atomic>
#include <vector>

namespace troupe::internal {

class engine;
class worker_pool;

// Reports processes that hold a worker for long without a `co_await`: system_options::long_turn.
// A thread of its own, since all workers may be held at once. It looks four times in that span, and
// sleeps while all workers do.
class watchdog {
 public:
  watchdog(engine& home, const worker_pool& pool) : home_(home), pool_(pool) {}
  void start();
  void stop() noexcept;
  // By a worker that has rested: it may be held from now on. Pairs with sleep(): the worker is out
  // of the idle set, then reads the word; the watchdog sets it, then looks at the idle set.
  void wake() noexcept {
    if (state_.load(std::memory_order_seq_cst) == asleep) rouse();
  }

 private:
  enum state : std::uint32_t { awake, asleep, stopping };
  // The turn of one worker that was seen last.
  struct sight {
    std::uint64_t turn = 0;
    steady_time since{};
    std::chrono::nanoseconds report_after{};
  };

  void run();
  void sleep();
  void look();
  void rouse() noexcept;

  engine& home_;
  const worker_pool& pool_;
  std::vector<sight> seen_;
  std::atomic<std::uint32_t> state_{awake};
  platform::thread thread_;
};

}  // namespace troupe::internal
