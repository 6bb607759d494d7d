#include "runtime/worker_pool.hpp"

#include "process/turn.hpp"

#include <algorithm>

namespace troupe::internal {

using namespace std::chrono_literals;

// --- the pool ---------------------------------------------------------------------------------

worker_pool::worker_pool(engine& home, std::size_t workers)
    : home_(home), blocking_(home.options.blocking_threads) {
  const steady_time now = home.options.time->now();
  for (std::size_t i = 0; i < workers; ++i)
    workers_.push_back(std::make_unique<worker>(*this, i, now));
  try {
    for (auto& w : workers_) w->thread_ = platform::thread([&w = *w] { w.run(); });
  } catch (...) {  // no more threads for this program
    stop();
    throw;
  }
}

worker_pool::~worker_pool() { stop(); }

void worker_pool::stop() {
  if (stopping_.exchange(true, std::memory_order_seq_cst)) return;
  for (auto& w : workers_) wake_up(*w);
  for (auto& w : workers_)
    if (w->thread_.joinable()) w->thread_.join();
}

void worker_pool::submit(process_slot& slot) {
  submitted_.push(&slot);
  notify();
}

void worker_pool::arm(timer& t) {
  worker& to = *workers_[t.waiter.slot() % workers_.size()];
  t.home = &to.wheel;
  (void)to.wheel.transfer(t);  // a new timer is in no list
  wake_up(to);
}

// Pairs with rest(): work is made visible by a sequentially consistent store, then the idle set is
// read; a worker adds itself to the idle set, then looks for work. One of the two sees the other.
void worker_pool::notify() noexcept {
  if (idle_.load(std::memory_order_seq_cst) == 0) return;
  int none = 0;
  if (!searching_.compare_exchange_strong(none, 1, std::memory_order_seq_cst)) return;
  worker* w = take_idle();
  if (w == nullptr)
    searching_.fetch_sub(1, std::memory_order_seq_cst);
  else
    wake_up(*w);
}

// Pairs with rest() and leave_watch() in the same way: the next-slot is filled, then the watch and
// the idle set are read; a worker that goes idle or off watch says so, then reads the next-slots.
void worker_pool::ensure_watch() noexcept {
  for (;;) {
    if (watched_.load(std::memory_order_seq_cst)) return;
    const std::uint64_t idle = idle_.load(std::memory_order_seq_cst);
    if (idle == 0 || watched_.exchange(true, std::memory_order_seq_cst)) return;
    const auto chosen = static_cast<std::size_t>(std::countr_zero(idle));
    if ((idle_.load(std::memory_order_seq_cst) >> chosen & 1) != 0)
      return wake_up(*workers_[chosen]);
    watched_.store(false, std::memory_order_seq_cst);
  }
}

worker* worker_pool::take_idle() noexcept {
  std::uint64_t idle = idle_.load(std::memory_order_seq_cst);
  while (idle != 0) {
    const std::uint64_t lowest = idle & (~idle + 1);
    if (idle_.compare_exchange_weak(idle, idle & ~lowest, std::memory_order_seq_cst))
      return workers_[static_cast<std::size_t>(std::countr_zero(lowest))].get();
  }
  return nullptr;
}

void worker_pool::wake_up(worker& w) noexcept {
  w.parker_.unpark();
  if (!w.in_poller_.load(std::memory_order_seq_cst)) return;
  if (poller* p = w.pool_.poller_.load(std::memory_order_acquire)) p->interrupt();
}

bool worker_pool::has_work() const noexcept {
  if (!submitted_.empty()) return true;
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& w) { return w->queue_.size() > 0; });
}

bool worker_pool::next_waits(const worker& beside) const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& w) {
    return w.get() != &beside && w->next_.load(std::memory_order_seq_cst) != nullptr;
  });
}

// Runs the poller on this thread if no other worker is in it.
bool worker_pool::try_poll(worker& by, std::chrono::nanoseconds limit) noexcept {
  poller* const p = poller_.load(std::memory_order_acquire);
  if (p == nullptr || poller_taken_.exchange(true, std::memory_order_acquire)) return false;
  by.in_poller_.store(limit > 0ns, std::memory_order_seq_cst);
  // Whoever set the token before `in_poller_` could be seen has not interrupted the poller.
  const bool awake =
      limit > 0ns && (stopping_.load(std::memory_order_seq_cst) || by.parker_.consume());
  p->poll(awake ? 0ns : limit);
  by.in_poller_.store(false, std::memory_order_seq_cst);
  poller_taken_.store(false, std::memory_order_seq_cst);
  return true;
}

void worker_pool::attach(poller& what) {
  poller_.store(&what, std::memory_order_release);
  for (auto& w : workers_) wake_up(*w);  // one of them goes to sleep in it
}

void worker_pool::wait(std::uint32_t& word) {
  // Acquire pairs with the release of the notice: what the process wrote is seen.
  const std::atomic_ref shared(word);
  while (shared.load(std::memory_order_acquire) == 0) platform::futex_wait(&word, 0, infinity);
}

void worker_pool::call(blocking_job& job) { blocking_.submit(job); }

void worker_pool::add_up(system_counts& into) const {
  for (const auto& w : workers_) w->add_to(into);
}

// --- one worker -------------------------------------------------------------------------------

worker::worker(worker_pool& pool, std::size_t index, steady_time now)
    : workplace(now), pool_(pool), index_(index), seen_turns_(worker_pool::max_workers) {}

void worker::wake(process_slot& slot) {
  process_slot* const displaced = next_.exchange(&slot, std::memory_order_seq_cst);
  if (displaced != nullptr) {
    queue_.push(displaced);
    pool_.notify();
  } else {
    pool_.ensure_watch();
  }
}

void worker::put_back(process_slot& slot) {
  queue_.push(&slot);
  pool_.notify();
}

void worker::run() {
  platform::name_this_thread("troupe-worker");
  running = {.home = &pool_.home_, .at = this, .on = this};
  while (!pool_.stopping_.load(std::memory_order_relaxed)) {
    if (process_slot* slot = pick())
      turn(*slot);
    else
      rest();
  }
  running = {};
}

void worker::turn(process_slot& slot) {
  if (searching_) {
    searching_ = false;
    pool_.searching_.fetch_sub(1, std::memory_order_seq_cst);
    if (pool_.has_work()) pool_.notify();
  }
  // The turn may be long: another worker has to go into the poller, which the one on watch does.
  bool watch_wanted = std::exchange(left_poller_, false);
  if (watching_) {
    leave_watch();
    watch_wanted = watch_wanted || pool_.next_waits(*this) || pool_.poller_is_left();
  }
  if (watch_wanted) pool_.ensure_watch();
  turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  running.slot = &slot;
  running.budget = turn_budget;
  const bool again = take_turn(slot);
  running.slot = nullptr;
  if (again) put_back(slot);
}

process_slot* worker::take_next() noexcept {
  if (next_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  return next_.exchange(nullptr, std::memory_order_acq_rel);
}

process_slot* worker::pick() {
  if (turns_.load(std::memory_order_relaxed) % worker_pool::turns_between_looks == 0) {
    look_around();
  }
  if (++in_a_row_ < worker_pool::max_in_a_row)
    if (process_slot* slot = take_next()) return slot;
  in_a_row_ = 0;
  if (pool_.home_.options.time->now() >= next_look_) look_around();
  if (process_slot* slot = queue_.take()) return slot;
  if (process_slot* slot = take_next()) return slot;
  look_outside();
  fire_timers();
  if (process_slot* slot = queue_.take()) return slot;
  if (process_slot* slot = take_next()) return slot;
  return steal();
}

void worker::look_around() {
  look_outside();
  pool_.try_poll(*this, 0ns);
  fire_timers();
  next_look_ = later(pool_.home_.options.time->now(), worker_pool::between_looks);
}

// Takes over what threads that are not workers have made ready.
void worker::look_outside() {
  process_slot* slot = pool_.submitted_.take_all();
  if (slot == nullptr) return;
  bool several = false;
  while (slot != nullptr) {
    process_slot* const following = slot->run_link;
    queue_.push(slot);
    slot = following;
    several = several || slot != nullptr;
  }
  if (several) pool_.notify();
}

process_slot* worker::steal() noexcept {
  const std::size_t count = pool_.workers_.size();
  const std::size_t first = pool_.home_.options.random->cheap() % count;
  for (std::size_t i = 0; i < count; ++i) {
    worker& victim = *pool_.workers_[(first + i) % count];
    if (&victim == this) continue;
    std::size_t share = (victim.queue_.size() + 1) / 2;
    process_slot* const mine = victim.queue_.take();
    if (mine == nullptr) continue;
    for (share = std::min<std::size_t>(share, 64); share > 1; --share) {
      process_slot* more = victim.queue_.take();
      if (more == nullptr) break;
      queue_.push(more);
    }
    return mine;
  }
  return nullptr;
}

void worker::fire_timers() {
  if (wheel.armed() == 0 && !wheel.has_transfers()) return;
  wheel.advance(
      pool_.home_.options.time->now(),
      [](void* state, timer& due) { fire(*static_cast<engine*>(state), due); }, &pool_.home_);
}

std::chrono::nanoseconds worker::rest_limit() const {
  auto limit = infinity;
  if (wheel.armed() > 0 || wheel.has_transfers())
    limit = std::max(wheel.next_deadline() - pool_.home_.options.time->now(),
                     std::chrono::nanoseconds::zero());
  return watching_ ? std::min<std::chrono::nanoseconds>(limit, worker_pool::watch_interval) : limit;
}

// Sleeps until there is something to do. See worker_pool::notify for the order of the steps.
void worker::rest() {
  if (searching_) {
    searching_ = false;
    pool_.searching_.fetch_sub(1, std::memory_order_seq_cst);
  }
  const std::uint64_t mine = std::uint64_t{1} << index_;
  pool_.idle_.fetch_or(mine, std::memory_order_seq_cst);
  if (!watching_ && pool_.next_waits(*this)) try_watch();
  if (!pool_.has_work() && !pool_.stopping_.load(std::memory_order_seq_cst)) {
    const auto limit = rest_limit();
    if (limit > 0ns) {
      left_poller_ = pool_.try_poll(*this, limit);
      if (!left_poller_) parker_.park(limit);
    }
  }
  // Still in the set: it woke by itself. Otherwise whoever took it out counts on it to look for
  // work, and has counted it as searching.
  const std::uint64_t before = pool_.idle_.fetch_and(~mine, std::memory_order_seq_cst);
  searching_ = (before & mine) == 0;
  watch();
}

void worker::try_watch() noexcept {
  watching_ = !pool_.watcher_.exchange(true, std::memory_order_seq_cst);
  if (watching_) pool_.watched_.store(true, std::memory_order_seq_cst);
}

// On watch: a process that computes for long must not hold up the one in its worker's next-slot.
void worker::watch() {
  if (!watching_ && pool_.watched_.load(std::memory_order_seq_cst)) try_watch();
  if (!watching_) return;
  bool quiet = true;
  for (std::size_t i = 0; i < pool_.workers_.size(); ++i) {
    worker& other = *pool_.workers_[i];
    const std::uint64_t turns = other.turns_.load(std::memory_order_relaxed);
    if (turns != seen_turns_[i]) {
      quiet = quiet && &other == this;
    } else if (&other != this) {
      if (process_slot* stuck = other.take_next()) {
        queue_.push(stuck);
        quiet = false;
      }
    }
    seen_turns_[i] = turns;
  }
  quiet_looks_ = quiet ? quiet_looks_ + 1 : 0;
  if (quiet_looks_ >= worker_pool::quiet_looks) leave_watch();
}

void worker::leave_watch() noexcept {
  quiet_looks_ = 0;
  watching_ = false;
  pool_.watcher_.store(false, std::memory_order_seq_cst);
  pool_.watched_.store(false, std::memory_order_seq_cst);
}

}  // namespace troupe::internal
