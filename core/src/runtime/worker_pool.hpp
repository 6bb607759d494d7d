#pragma once

#include "platform/threads.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/engine.hpp"
#include "runtime/next_slot.hpp"
#include "runtime/parking.hpp"
#include "runtime/run_queue.hpp"
#include "runtime/watchdog.hpp"
#include "runtime/workplace.hpp"

#include <bit>
#include <memory>
#include <vector>

namespace troupe::internal {

class worker_pool;

// One thread that runs processes, and all that belongs to it.
class worker : public workplace {
 public:
  worker(worker_pool& pool, std::size_t index, steady_time now);

  // From the process that this worker runs: that one can run. It is the next, on the data that is
  // in this core's cache; the one that was to be next goes to the queue.
  void wake(process_slot& slot);
  // To the end of the queue: it has had its turn. If nothing else is there, it is the next again on
  // this core, and no other worker is woken for it, or takes it away.
  void put_back(process_slot& slot);

  void run();

 private:
  friend class worker_pool;
  void queue(process_slot& slot) { (slot.urgent ? urgent_ : queue_).push(&slot); }
  [[nodiscard]] bool has_work() const noexcept { return urgent_.size() > 0 || queue_.size() > 0; }
  process_slot* take_urgent() noexcept { return urgent_.size() > 0 ? urgent_.take() : nullptr; }
  process_slot* pick();
  process_slot* steal() noexcept;
  bool linger() noexcept;
  void turn(process_slot& slot);
  void look_outside();
  void look_around();
  void fire_timers();
  void watch();

  worker_pool& pool_;
  const std::size_t index_;
  run_queue<std_sync, process_slot> queue_;
  run_queue<std_sync, process_slot> urgent_;  // of high priority: before all others
  next_slot<std_sync, process_slot> next_;
  std::atomic<std::uint64_t> turns_{0};  // so that others see whether this one gets on
  std::atomic<process_slot*> in_turn_{nullptr};
  bool unwatched_ = false;  // the next-slot was filled, and nobody was told to watch
  unsigned in_a_row_ = 0;   // turns that went to `next_` since the queue had one
  steady_time next_look_{};
  steady_time next_watch_{};
  alignas(64) resting_place<std_sync> place_;  // others write to it
  std::vector<std::uint64_t> seen_turns_;      // of all workers, when this one last watched
  platform::thread thread_;
};

// The scheduler of production: a worker for each core. Work goes to the worker that makes it;
// workers without any steal. Idle workers sleep, one of them in the poller if there is one.
class worker_pool final : public scheduler {
 public:
  static constexpr std::size_t max_workers = parking<std_sync, worker_pool>::max_workers;
  // The next-slot may win so often in a row before the queue has its turn.
  static constexpr unsigned max_in_a_row = 16;
  // Every so many turns a busy worker looks at its timers, at the outside and at the poller; when
  // turns are long, after that much time.
  static constexpr std::uint64_t turns_between_looks = 64;
  static constexpr std::chrono::milliseconds between_looks{1};
  // How often a worker without work looks for some while it waits busily.
  static constexpr std::chrono::microseconds between_lingering_looks{2};
  static constexpr int most_yields_to_a_look = 20;
  // How often the worker on watch looks whether another one is stuck with work in its next-slot.
  static constexpr std::chrono::milliseconds watch_interval{2};
  // After so many looks at workers that do nothing it goes off watch.
  static constexpr int quiet_looks = 5;

  worker_pool(engine& home, std::size_t workers);
  ~worker_pool() override;

  void submit(process_slot& slot) override;
  void arm(timer& t) override;
  void attach(poller& what) override;
  void wait(std::uint32_t& word, pid process) override;
  void call(blocking_job& job) override;
  void stop() override;
  [[nodiscard]] std::size_t workers() const noexcept override { return workers_.size(); }
  void each_tally(const std::function<void(const tally&)>& visit) const override;

  // What `parking` asks.
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] bool next_waits(std::size_t beside) const noexcept;
  [[nodiscard]] std::chrono::nanoseconds rest_limit(std::size_t which) const;

  // What the watchdog asks.
  struct glimpse {
    std::uint64_t turn;           // its number
    pid process;                  // that has it now, or none
    const message_type* handles;  // what that took last in it, or null
  };
  [[nodiscard]] glimpse glance(std::size_t worker) const noexcept;
  [[nodiscard]] bool all_rest() const noexcept { return parking_.all_rest(); }

 private:
  friend class worker;
  engine& home_;
  std::vector<std::unique_ptr<worker>> workers_;
  // What threads that are not workers have made ready.
  alignas(64) push_list<std_sync, process_slot, &process_slot::run_link> submitted_;
  parking<std_sync, worker_pool> parking_{*this};
  std::atomic<bool> lingering_{false};  // a worker without work does not rest yet
  watchdog watchdog_{home_, *this};
  blocking_pool blocking_;  // last: its threads have ended before what they wake goes
};

}  // namespace troupe::internal
