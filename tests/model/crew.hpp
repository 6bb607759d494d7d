#pragma once

#include "model/model_sync.hpp"
#include "runtime/next_slot.hpp"
#include "runtime/parking.hpp"
#include "runtime/run_queue.hpp"

#include <troupe/push_list.hpp>

#include <array>
#include <functional>
#include <memory>
#include <vector>

namespace troupe::model {

struct task {
  std::function<void(std::size_t worker)> run;
  std::size_t number = 0;  // of bits_of_tasks
  model_var<task*> run_link{nullptr};
  model_var<int> runs{0};  // plain: two workers that run it at once are a race
};

// Waits until it is interrupted or something happens, as the reactor does; one thread at a time.
class model_poller final : public troupe::poller {
 public:
  std::function<void()> handle = [] {};  // what happens

  void poll(std::chrono::nanoseconds limit) noexcept override {
    visits_ = visits_ + 1;
    std::uint32_t seen = word_.exchange(0);
    if (limit > std::chrono::nanoseconds::zero() && seen == 0) {
      model_sync::sleep(word_, 0, limit);
      seen = word_.exchange(0);
    }
    if ((seen & event) != 0) handle();
    visits_ = visits_ + 1;
  }
  void interrupt() noexcept override { set(wake_up); }
  void happen() { set(event); }

 private:
  static constexpr std::uint32_t wake_up = 1;
  static constexpr std::uint32_t event = 2;
  void set(std::uint32_t what) {
    if (word_.fetch_or(what) == 0) model_sync::wake_one(word_);
  }
  model_var<int> visits_{0};
  model_atomic<std::uint32_t> word_{0};
};

// Where work for all workers is. As in production: queues of the workers and the list of what comes
// from outside.
class queues {
 public:
  explicit queues(std::size_t workers) {
    for (std::size_t i = 0; i < workers; ++i)
      all_.push_back(std::make_unique<internal::run_queue<model_sync, task>>(2));
  }
  void submit(task& t) { submitted_.push(&t); }
  void put(std::size_t worker, task& t) { all_[worker]->push(&t); }
  template <class Notify>
  task* take(std::size_t worker, Notify notify) {
    if (task* const t = all_[worker]->take()) return t;
    bool several = false;
    for (task* t = submitted_.take_all(); t != nullptr;) {
      task* const following = t->run_link;
      all_[worker]->push(t);
      t = following;
      several = several || t != nullptr;
    }
    if (several) notify();
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (task* const t = all_[(worker + i) % all_.size()]->take()) return t;
    return nullptr;
  }
  [[nodiscard]] bool any() const {
    if (!submitted_.empty()) return true;
    for (const auto& q : all_)
      if (q->size() > 0) return true;
    return false;
  }

 private:
  std::vector<std::unique_ptr<internal::run_queue<model_sync, task>>> all_;
  internal::push_list<model_sync, task, &task::run_link> submitted_;
};

// The same promise with the fewest steps, so that more of what parking does can be searched: a bit
// for each task.
class bits_of_tasks {
 public:
  explicit bits_of_tasks(std::size_t) {}
  void submit(task& t) {
    all_[t.number] = &t;
    ready_.fetch_or(1U << t.number);
  }
  void put(std::size_t, task& t) { submit(t); }
  template <class Notify>
  task* take(std::size_t, Notify) {
    std::uint32_t seen = ready_.load(std::memory_order_relaxed);
    while (seen != 0) {
      const std::uint32_t lowest = seen & (~seen + 1);
      if ((ready_.fetch_and(~lowest) & lowest) != 0)
        return all_[static_cast<std::size_t>(std::countr_zero(lowest))];
      seen &= ~lowest;
    }
    return nullptr;
  }
  [[nodiscard]] bool any() const { return ready_.load() != 0; }

 private:
  std::array<model_var<task*>, 4> all_;
  model_atomic<std::uint32_t> ready_;
};

// Workers that run tasks until the last one is done: worker_pool without threads, processes and
// time.
template <class Work>
class crew {
 public:
  static constexpr int quiet_looks = 1;

  struct size {
    std::size_t workers;
    int tasks;
    bool next_slots = false;  // are used
  };
  crew(execution& run, const size& of)
      : run_(run), work_(of.workers), left_(of.tasks), workers_(of.workers), next_(of.next_slots) {
    for (member& m : members_) resting.add(m.place);
    run.name("parking", resting);
    run.name("work", work_);
    for (member& m : members_) run.name("worker", m);
  }

  // What parking asks, and from where.
  using place = std::source_location;
  [[nodiscard]] bool has_work(const place& at = place::current()) const {
    return run_.check(work_.any(), at);
  }
  [[nodiscard]] bool next_waits(std::size_t beside, const place& at = place::current()) const {
    bool any = false;
    for (std::size_t i = 0; next_ && i < workers_ && !any; ++i)
      any = i != beside && !members_[i].next.empty();
    return run_.check(any, at);
  }
  [[nodiscard]] std::chrono::nanoseconds rest_limit(std::size_t worker) const {
    return members_[worker].place.watching ? std::chrono::milliseconds(2)
                                           : std::chrono::nanoseconds::max();
  }

  // From outside.
  void submit(task& t) {
    work_.submit(t);
    resting.notify();
  }
  // From the task that the worker runs.
  void wake(std::size_t worker, task& t) {
    if (task* const displaced = members_[worker].next.put(&t)) {
      work_.put(worker, *displaced);
      resting.notify();
    } else {
      resting.ensure_watch();
    }
  }
  // Before the workers start.
  void give(std::size_t worker, task& first) { members_[worker].next.put(&first); }
  void start() {
    constexpr std::array<std::string_view, 3> names{"worker 1", "worker 2", "worker 3"};
    for (std::size_t i = 0; i < workers_; ++i) run_.start(names[i], [this, i] { work(i); });
  }
  // The last task stops the crew.
  void done() {
    if (left_.fetch_sub(1) == 1) resting.stop();
  }

  internal::parking<model_sync, crew> resting{*this};

 private:
  struct member {
    internal::next_slot<model_sync, task> next;
    model_atomic<std::uint64_t> turns{0};
    internal::resting_place<model_sync> place;
    std::array<std::uint64_t, 3> seen_turns{};  // by this one, of all
  };

  void work(std::size_t worker) {
    member& mine = members_[worker];
    while (!resting.stopping()) {
      if (task* const t = pick(worker)) {
        resting.begin_turn(worker);
        mine.turns.store(mine.turns.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        t->runs = t->runs + 1;
        t->run(worker);
      } else {
        resting.rest(worker);
        watch(worker);
      }
    }
  }
  task* pick(std::size_t worker) {
    if (next_)
      if (task* const t = members_[worker].next.take()) return t;
    return work_.take(worker, [this] { resting.notify(); });
  }
  void watch(std::size_t worker) {
    if (!resting.watches(worker)) return;
    member& mine = members_[worker];
    watches_ = watches_ + 1;
    bool quiet = true;
    for (std::size_t i = 0; i < workers_; ++i) {
      const std::uint64_t turns = members_[i].turns.load(std::memory_order_relaxed);
      if (turns != mine.seen_turns[i]) {
        quiet = quiet && i == worker;
      } else if (i != worker) {
        if (task* const stuck = next_ ? members_[i].next.steal() : nullptr) {
          work_.put(worker, *stuck);
          quiet = false;
        }
      }
      mine.seen_turns[i] = turns;
    }
    resting.has_watched(worker, quiet);
  }

  execution& run_;
  Work work_;
  model_atomic<int> left_;
  std::size_t workers_;
  bool next_;
  std::array<member, 3> members_;
  model_var<int> watches_{0};  // plain: two workers on watch at once are a race
};

}  // namespace troupe::model
