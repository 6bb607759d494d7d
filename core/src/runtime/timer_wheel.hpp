#pragma once

#include <troupe/destination.hpp>
#include <troupe/seams.hpp>
#include <troupe/sync.hpp>

#include "runtime/timer_claim.hpp"

#include <array>
#include <bit>

namespace troupe::internal {

class timer_wheel;

// One timer. What it does when it fires: sends `node`, or, without one, a timeout to `owner`.
struct timer : timer_claim<std_sync> {
  bool in_wheel = false;  // owner of the wheel
  timer* next = nullptr;  // neighbours in the wheel, owner only
  timer** link = nullptr;
  timer* run_link = nullptr;  // of the transfer list
  timer_wheel* home = nullptr;
  steady_time deadline;
  std::uint64_t sequence = 0;  // equal deadlines fire in the order of arming
  pid owner;
  std::uint64_t token = 0;
  message_node* node = nullptr;  // of whoever claims the timer
  destination target{pid{}};
};

void let_go(timer* t) noexcept;

// A hierarchical timing wheel: eight levels of 64 slots, ticks of 2^17 ns (131 us). Arm and cancel
// take constant time; a timer moves down at most once a level. Belongs to one worker; others reach
// it through the transfer list. A timer never fires early, and at most one tick late by itself.
class timer_wheel {
 public:
  static constexpr unsigned tick_shift = 17;
  static constexpr unsigned level_bits = 6;
  static constexpr unsigned levels = 8;
  static_assert(tick_shift + level_bits * levels >= 63, "every deadline that a clock has must fit");

  explicit timer_wheel(steady_time start) noexcept;
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;
  ~timer_wheel();

  // Owner.
  void arm(timer& t) noexcept;
  void remove(timer& t) noexcept;
  // Of a timer in the wheel that only the wheel and the caller hold: both give it up.
  void discard(timer& t) noexcept;
  // How other threads reach it.
  timer_transfers<std_sync, timer> transfers;
  // Owner: fires what is due; `fire` is called for each, in order of deadline, then of arming.
  void advance(steady_time now, void (*fire)(void* state, timer& due), void* state);
  // Owner: the earliest point at which advance has something to do; max if nothing is armed.
  [[nodiscard]] steady_time next_deadline() const noexcept;
  [[nodiscard]] std::size_t armed() const noexcept { return armed_; }

 private:
  static constexpr std::size_t slots = std::size_t{1} << level_bits;
  struct level {
    std::uint64_t occupied = 0;
    std::array<timer*, slots> slot{};
  };
  [[nodiscard]] std::uint64_t tick_of(steady_time t) const noexcept;
  void insert(timer& t) noexcept;
  void unlink(timer& t) noexcept;
  timer* detach(level& from, std::size_t index) noexcept;
  void step_to(std::uint64_t tick) noexcept;
  [[nodiscard]] std::uint64_t next_tick() const noexcept;

  steady_time start_;
  std::uint64_t now_ = 0;  // the tick up to which all is done
  std::uint64_t sequence_ = 0;
  std::size_t armed_ = 0;
  std::array<level, levels> levels_;
  timer* due_ = nullptr;  // taken out of the wheel by step_to, not fired yet
};

}  // namespace troupe::internal
