#pragma once

#include <troupe/push_list.hpp>

#include <cstdint>

namespace troupe::internal {

enum class timer_state : std::uint8_t { armed, fired, cancelled };

// What threads share of a timer. Two hold it: the wheel that it is in and the process that armed
// it; the last to let go frees it.
template <class Sync>
class timer_claim {
 public:
  // Fires or cancels it: one of all who try gets true, and what the timer carries. Relaxed: what it
  // carries was there for every holder before, and who frees the timer is told by let_go.
  [[nodiscard]] bool claim(timer_state as) noexcept {
    timer_state armed = timer_state::armed;
    return state_.compare_exchange_strong(armed, as, std::memory_order_relaxed,
                                          std::memory_order_relaxed);
  }
  [[nodiscard]] bool armed() const noexcept {
    return state_.load(std::memory_order_relaxed) == timer_state::armed;
  }
  // By who holds it: for another holder.
  void hold() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }
  // True for the last one.
  [[nodiscard]] bool let_go() noexcept {
    return holders_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  [[nodiscard]] unsigned holders() const noexcept {
    return holders_.load(std::memory_order_relaxed);
  }
  // By a thread that has both holds: nobody else can reach it. Acquire pairs with let_go: what a
  // third holder did before it let go is over.
  [[nodiscard]] bool only_two_hold() const noexcept {
    return holders_.load(std::memory_order_acquire) == 2;
  }
  // Before and after it is in the list of transfers. False if it is there already. Acquire and
  // release both ways: the owner's look at the state after it has left sees what was changed before
  // an entering that came too late, and who enters again may write the link.
  [[nodiscard]] bool enter_transfer() noexcept {
    return !in_transfer_.exchange(true, std::memory_order_acq_rel);
  }
  void leave_transfer() noexcept { in_transfer_.exchange(false, std::memory_order_acq_rel); }

 private:
  typename Sync::template atomic<timer_state> state_{timer_state::armed};
  typename Sync::template atomic<std::uint8_t> holders_{2};
  typename Sync::template atomic<bool> in_transfer_{false};
};

// How other threads reach a wheel: its owner takes timers in, and out if they were cancelled, when
// it comes by. `let_go(Timer*)` gives up a hold.
template <class Sync, class Timer>
class timer_transfers {
 public:
  // Any thread: a new timer, with the wheel's hold.
  void put(Timer& t) noexcept {
    if (t.enter_transfer()) list_.push(&t);
  }
  // Any thread that holds it: it was cancelled. The list gets a hold of its own. Once in the list
  // at a time: who finds it there knows that the owner has yet to look at its state, because
  // entering comes after the change of state, and the owner's leaving before its look.
  void recall(Timer& t) noexcept {
    t.hold();
    if (t.enter_transfer())
      list_.push(&t);
    else
      let_go(&t);
  }
  // Owner of the wheel.
  template <class Wheel>
  void accept(Wheel& into) noexcept {
    Timer* list = list_.take_all();
    while (list != nullptr) {
      Timer& t = *list;
      list = t.run_link;
      t.leave_transfer();
      if (t.armed()) {
        into.arm(t);  // with the wheel's hold
      } else {
        into.remove(t);
        let_go(&t);  // the canceller's hold, or the wheel's if it was cancelled before it came in
      }
    }
  }
  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }

 private:
  push_list<Sync, Timer, &Timer::run_link> list_;
};

}  // namespace troupe::internal
