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
  for (auto& w : workers_) parking_.add(w->place_);
  try {
    for (auto& w : workers_) w->thread_ = platform::thread([&w = *w] { w.run(); });
    watchdog_.start();
  } catch (...) {  // no more threads for this program
    stop();
    throw;
  }
}

worker_pool::~worker_pool() { stop(); }

void worker_pool::stop() {
  if (!parking_.stop()) return;
  watchdog_.stop();
  for (auto& w : workers_)
    if (w->thread_.joinable()) w->thread_.join();
}

void worker_pool::submit(process_slot& slot) {
  submitted_.push(&slot);
  parking_.notify();
}

void worker_pool::arm(timer& t) {
  std::size_t to = t.owner.slot() % workers_.size();
  if (workers_[to].get() == running.at) to = (to + 1) % workers_.size();
  t.home = &workers_[to]->wheel;
  t.home->transfers.put(t);
  parking_.wake_up(to);
}

bool worker_pool::has_work() const noexcept {
  if (!submitted_.empty()) return true;
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& w) { return w->has_work(); });
}

bool worker_pool::next_waits(std::size_t beside) const noexcept {
  return std::any_of(workers_.begin(), workers_.end(),
                     [&](const auto& w) { return w->index_ != beside && !w->next_.empty(); });
}

std::chrono::nanoseconds worker_pool::rest_limit(std::size_t which) const {
  const worker& w = *workers_[which];
  auto limit = infinity;
  if (w.wheel.armed() > 0 || !w.wheel.transfers.empty())
    limit = std::max(w.wheel.next_deadline() - home_.options.time->now(),
                     std::chrono::nanoseconds::zero());
  return w.place_.watching ? std::min<std::chrono::nanoseconds>(limit, watch_interval) : limit;
}

worker_pool::glimpse worker_pool::glance(std::size_t which) const noexcept {
  const worker& w = *workers_[which];
  const process_slot* const slot = w.in_turn_.load(std::memory_order_acquire);
  return {w.turns_.load(std::memory_order_relaxed),
          slot == nullptr ? pid{} : home_.table.id_of(*slot),
          w.handles.load(std::memory_order_relaxed)};
}

void worker_pool::attach(poller& what) { parking_.attach(what); }

void worker_pool::wait(std::uint32_t& word, pid) {
  // Acquire pairs with the release of the notice: what the process wrote is seen.
  const std::atomic_ref shared(word);
  while (shared.load(std::memory_order_acquire) == 0) platform::futex_wait(&word, 0, infinity);
}

void worker_pool::call(blocking_job& job) { blocking_.submit(job); }

void worker_pool::each_tally(const std::function<void(const tally&)>& visit) const {
  for (const auto& w : workers_) visit(w->counts);
}

// --- one worker -------------------------------------------------------------------------------

worker::worker(worker_pool& pool, std::size_t index, steady_time now)
    : workplace(now), pool_(pool), index_(index), seen_turns_(worker_pool::max_workers) {}

void worker::wake(process_slot& slot) {
  if (slot.urgent) [[unlikely]] {
    urgent_.push(&slot);
    return pool_.parking_.notify();
  }
  if (process_slot* const displaced = next_.put(&slot)) {
    queue_.push(displaced);
    pool_.parking_.notify();
  } else {
    pool_.parking_.ensure_watch();
  }
}

void worker::put_back(process_slot& slot) {
  if (slot.urgent || has_work() || !next_.empty()) {
    queue(slot);
    return pool_.parking_.notify();
  }
  next_.put(&slot);
  unwatched_ = true;
}

void worker::run() {
  platform::name_this_thread("troupe-worker");
  running = {.home = &pool_.home_, .at = this, .on = this};
  while (!pool_.parking_.stopping()) {
    if (process_slot* slot = pick()) {
      turn(*slot);
    } else if (!linger()) {
      pool_.parking_.rest(index_);
      pool_.watchdog_.wake();
      watch();
    }
  }
  running = {};
}

void worker::turn(process_slot& slot) {
  pool_.parking_.begin_turn(index_);
  if (unwatched_) [[unlikely]] {
    unwatched_ = false;
    if (!next_.empty()) pool_.parking_.ensure_watch();
  }
  turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  in_turn_.store(&slot, std::memory_order_release);  // with glance: the slot has been made
  handles.store(nullptr, std::memory_order_relaxed);
  running.slot = &slot;
  running.budget = turn_budget;
  const bool again = take_turn(slot);
  running.slot = nullptr;
  in_turn_.store(nullptr, std::memory_order_relaxed);
  if (again) put_back(slot);
}

process_slot* worker::pick() {
  if (turns_.load(std::memory_order_relaxed) % worker_pool::turns_between_looks == 0) {
    look_around();
  }
  if (process_slot* slot = take_urgent()) return slot;
  if (++in_a_row_ < worker_pool::max_in_a_row)
    if (process_slot* slot = next_.take()) return slot;
  in_a_row_ = 0;
  if (pool_.home_.options.time->now() >= next_look_) look_around();
  if (process_slot* slot = queue_.take()) return slot;
  if (process_slot* slot = next_.take()) return slot;
  look_outside();
  fire_timers();
  if (process_slot* slot = take_urgent()) return slot;
  if (process_slot* slot = queue_.take()) return slot;
  if (process_slot* slot = next_.take()) return slot;
  return steal();
}

void worker::look_around() {
  look_outside();
  pool_.parking_.try_poll(index_, 0ns);
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
    queue(*slot);
    slot = following;
    several = several || slot != nullptr;
  }
  if (several) pool_.parking_.notify();
}

process_slot* worker::steal() noexcept {
  const std::size_t count = pool_.workers_.size();
  const std::size_t first = pool_.home_.options.random->cheap() % count;
  for (std::size_t i = 0; i < count; ++i) {
    worker& victim = *pool_.workers_[(first + i) % count];
    if (&victim == this) continue;
    if (process_slot* const urgent = victim.take_urgent()) return urgent;
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

// Looks for work for a moment before it rests: to wake it up takes longer than most pauses, and
// costs whoever does so. One worker does, since one is enough to find what comes next, and looks
// now and then only, since a look takes the queue's line from the worker that fills it. Who is to
// rest in the poller lingers there.
bool worker::linger() noexcept {
  if (pool_.parking_.poller_is_left() || pool_.lingering_.exchange(true, std::memory_order_relaxed))
    return false;
  const clock& time = *pool_.home_.options.time;
  const auto looks = pool_.home_.options.busy_wait / worker_pool::between_lingering_looks;
  bool found = false;
  for (auto look = looks; look > 0 && !found && !pool_.parking_.stopping(); --look) {
    const steady_time next = later(time.now(), worker_pool::between_lingering_looks);
    // A clock of tests may stand still.
    for (int yields = 0; yields < worker_pool::most_yields_to_a_look && time.now() < next; ++yields)
      std_sync::yield();
    found = pool_.has_work();
  }
  pool_.lingering_.store(false, std::memory_order_relaxed);
  return found;
}

void worker::fire_timers() {
  if (wheel.armed() == 0 && wheel.transfers.empty()) return;
  wheel.advance(
      pool_.home_.options.time->now(),
      [](void* state, timer& due) { fire(*static_cast<engine*>(state), due); }, &pool_.home_);
}

// On watch: a process that computes for long must not hold up the one in its worker's next-slot.
void worker::watch() {
  if (!pool_.parking_.watches(index_)) return;
  const steady_time now = pool_.home_.options.time->now();
  if (now < next_watch_) return;  // to steal costs both sides: who has just begun is not stuck
  next_watch_ = later(now, worker_pool::watch_interval);
  bool quiet = true;
  for (std::size_t i = 0; i < pool_.workers_.size(); ++i) {
    worker& other = *pool_.workers_[i];
    const std::uint64_t turns = other.turns_.load(std::memory_order_relaxed);
    if (turns != seen_turns_[i]) {
      quiet = quiet && &other == this;
    } else if (&other != this) {
      if (process_slot* stuck = other.next_.steal()) {
        queue_.push(stuck);
        quiet = false;
      }
    }
    seen_turns_[i] = turns;
  }
  pool_.parking_.has_watched(index_, quiet);
}

}  // namespace troupe::internal
