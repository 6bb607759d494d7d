#pragma once

#include <troupe/seams.hpp>

#include "runtime/parker.hpp"

#include <bit>
#include <cassert>
#include <vector>

namespace troupe::internal {

// Where one worker sleeps.
template <class Sync>
struct resting_place {
  parker<Sync> bed;
  typename Sync::template atomic<bool> in_poller{false};  // it sleeps there instead
  // Owner.
  bool searching = false;    // it was woken for work and has found none yet
  bool watching = false;     // it is on watch: see ensure_watch
  bool left_poller = false;  // since its last turn, and perhaps nobody is in it now
  int quiet_looks = 0;
};

// How workers fall asleep without missing work, and are woken: few of them, but always one.
//
// `Pool` tells what there is to do: `has_work()`, in queues that any worker may take from;
// `next_waits(worker)`, in the next-slot of another worker than that one; `rest_limit(worker)`, for
// how long that worker may sleep; `quiet_looks`, after how many looks in vain one goes off watch.
template <class Sync, class Pool>
class parking {
 public:
  using place = resting_place<Sync>;
  static constexpr std::size_t max_workers = 64;  // bits of the idle set

  explicit parking(const Pool& pool) : pool_(pool) {}
  // Workers are numbered in the order in which they are added, before any of them runs.
  void add(place& of) { places_.push_back(&of); }

  // Any thread: there is work for another worker. Wakes one, unless one is looking for work
  // already. Pairs with rest(): work is made visible by a sequentially consistent store, then the
  // idle set is read; a worker adds itself to the idle set, then looks for work. One of the two
  // sees the other.
  //
  // If the last idle worker wakes by itself meanwhile, nobody searches although `searching_` said
  // so; who relied on that has made its work visible before it looked, so it is found by looking
  // again.
  void notify() noexcept {
    do {
      if (idle_.load(std::memory_order_seq_cst) == 0) return;
      bool nobody = false;
      if (!searching_.compare_exchange_strong(nobody, true, std::memory_order_seq_cst)) return;
      if (place* const w = take_idle()) return wake_up(*w);
      searching_.store(false, std::memory_order_seq_cst);
    } while (pool_.has_work());
  }

  // Any worker: work may be stuck behind what this worker does next. Has an idle worker watch.
  // Pairs with rest() and begin_turn() in the same way, but by a barrier that costs nothing here,
  // where every message passes: the next-slot is filled, then the watch and the idle set are read;
  // a worker that goes idle or off watch says so, then reads the next-slots.
  void ensure_watch() noexcept {
    barrier_.light();
    for (;;) {
      if (watched_.load(std::memory_order_seq_cst)) return;
      const std::uint64_t idle = idle_.load(std::memory_order_seq_cst);
      if (idle == 0 || watched_.exchange(true, std::memory_order_seq_cst)) return;
      const auto chosen = static_cast<std::size_t>(std::countr_zero(idle));
      if ((idle_.load(std::memory_order_seq_cst) >> chosen & 1) != 0)
        return wake_up(*places_[chosen]);
      watched_.store(false, std::memory_order_relaxed);  // the load above is its order
    }
  }

  // The worker has found work and runs it next.
  void begin_turn(std::size_t worker) noexcept {
    place& mine = *places_[worker];
    if (!mine.searching && !mine.watching && !mine.left_poller) [[likely]]
      return;
    if (stop_searching(mine) && pool_.has_work()) notify();
    // The turn may be long: another worker has to go into the poller, which the one on watch does.
    bool watch_wanted = mine.left_poller;
    mine.left_poller = false;
    if (mine.watching) {
      leave_watch(mine);
      barrier_.heavy();
      watch_wanted = watch_wanted || pool_.next_waits(worker) || poller_is_left();
    }
    if (watch_wanted) ensure_watch();
  }

  // The worker has found nothing: sleeps until there is something to do.
  void rest(std::size_t worker) noexcept {
    place& mine = *places_[worker];
    stop_searching(mine);
    if (mine.quiet_looks >= Pool::quiet_looks) leave_watch(mine);
    const std::uint64_t bit = std::uint64_t{1} << worker;
    const std::uint64_t others = idle_.fetch_or(bit, std::memory_order_seq_cst);
    if (!mine.watching) {
      // Who is in the set fills its next-slot after it has left the set, and then sees this worker.
      if ((others | bit) != everyone()) barrier_.heavy();
      if (pool_.next_waits(worker)) try_watch(mine);
    }
    if (!pool_.has_work()) {
      const std::chrono::nanoseconds limit = pool_.rest_limit(worker);
      if (limit > std::chrono::nanoseconds::zero()) {
        mine.left_poller = !leaves_poller_free(mine) && try_poll(worker, limit);
        if (!mine.left_poller) mine.bed.park(limit);
      }
    }
    // Still in the set: it woke by itself. Otherwise whoever took it out counts on it to look for
    // work, and has set `searching_`.
    const std::uint64_t before = idle_.fetch_and(~bit, std::memory_order_seq_cst);
    mine.searching = (before & bit) == 0;
  }

  // After a rest: the worker is on watch, and looks whether another one is stuck with work in its
  // next-slot; then it tells whether there was anything. Pairs with ensure_watch: either that sees
  // that the worker is not idle any more, or the worker sees that it is to watch. It goes off watch
  // in begin_turn or rest only, which look once more at what was left to it.
  [[nodiscard]] bool watches(std::size_t worker) noexcept {
    place& mine = *places_[worker];
    if (!mine.watching && watched_.load(std::memory_order_seq_cst)) try_watch(mine);
    return mine.watching;
  }
  void has_watched(std::size_t worker, bool quiet) noexcept {
    place& mine = *places_[worker];
    mine.quiet_looks = quiet ? mine.quiet_looks + 1 : 0;
  }

  // Runs the poller on this thread if no other worker is in it.
  bool try_poll(std::size_t worker, std::chrono::nanoseconds limit) noexcept {
    using namespace std::chrono_literals;
    place& mine = *places_[worker];
    poller* const p = poller_.load(std::memory_order_acquire);
    if (p == nullptr || poller_taken_.exchange(true, std::memory_order_seq_cst)) return false;
    mine.in_poller.store(limit > 0ns, std::memory_order_relaxed);
    // Pairs with wake_up by the order of the two on the token: either the token is here, or whoever
    // sets it later sees `in_poller`.
    const bool awake = limit > 0ns && mine.bed.consume();
    p->poll(awake ? 0ns : limit);
    mine.in_poller.store(false, std::memory_order_relaxed);
    poller_taken_.store(false, std::memory_order_seq_cst);
    return true;
  }

  // There is a poller, and nobody in it.
  [[nodiscard]] bool poller_is_left() const noexcept {
    return poller_.load(std::memory_order_relaxed) != nullptr &&
           !poller_taken_.load(std::memory_order_seq_cst);
  }

  // Any thread, once at most: workers rest in it from now on.
  void attach(poller& what) noexcept {
    poller_.store(&what, std::memory_order_release);
    for (place* const w : places_) wake_up(*w);  // one of them goes to sleep in it
  }
  void wake_up(std::size_t worker) noexcept { wake_up(*places_[worker]); }

  // Whether no worker does anything. A guess, but for who pairs with rest().
  [[nodiscard]] bool all_rest() const noexcept {
    return idle_.load(std::memory_order_seq_cst) == everyone();
  }

  // True for the first who stops it. All workers wake up and see it: the token carries it.
  bool stop() noexcept {
    if (stopping_.exchange(true, std::memory_order_relaxed)) return false;
    for (place* const w : places_) wake_up(*w);
    return true;
  }
  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

 private:
  template <class T>
  using atomic = typename Sync::template atomic<T>;

  [[nodiscard]] std::uint64_t everyone() const noexcept {
    return ~std::uint64_t{0} >> (64 - places_.size());
  }

  bool stop_searching(place& mine) noexcept {
    if (!mine.searching) return false;
    mine.searching = false;
    searching_.store(false, std::memory_order_seq_cst);
    return true;
  }

  place* take_idle() noexcept {
    std::uint64_t idle = idle_.load(std::memory_order_relaxed);
    while (idle != 0) {
      const std::uint64_t lowest = idle & (~idle + 1);
      if (idle_.compare_exchange_weak(idle, idle & ~lowest, std::memory_order_release,
                                      std::memory_order_relaxed))
        return places_[static_cast<std::size_t>(std::countr_zero(lowest))];
    }
    return nullptr;
  }

  void wake_up(place& w) noexcept {
    w.bed.unpark();
    if (!w.in_poller.load(std::memory_order_relaxed)) return;
    if (poller* const p = poller_.load(std::memory_order_acquire)) p->interrupt();
  }

  void try_watch(place& mine) noexcept {
    mine.watching = !watcher_.exchange(true, std::memory_order_seq_cst);
    if (mine.watching) watched_.store(true, std::memory_order_relaxed);
  }

  void leave_watch(place& mine) noexcept {
    mine.quiet_looks = 0;
    mine.watching = false;
    watcher_.store(false, std::memory_order_seq_cst);
    watched_.store(false, std::memory_order_seq_cst);
  }

  // A worker on watch takes the poller only after a look that found the others at rest or stuck in
  // a turn: the one that left it for a short turn comes back to it with what that turn has sent,
  // and another one in its place would have to be woken for that.
  static bool leaves_poller_free(const place& mine) noexcept {
    return mine.watching && mine.quiet_looks == 0;
  }

  const Pool& pool_;
  [[no_unique_address]] typename Sync::lopsided_barrier barrier_;
  std::vector<place*> places_;
  alignas(64) atomic<std::uint64_t> idle_{0};  // a bit for each worker that sleeps
  atomic<bool> searching_{false};              // a worker was woken and has found nothing yet
  atomic<bool> watched_{false};                // a worker is on watch, or was woken to be
  atomic<bool> watcher_{false};                // a worker is on watch
  atomic<bool> stopping_{false};
  atomic<poller*> poller_{nullptr};
  atomic<bool> poller_taken_{false};
};

}  // namespace troupe::internal
