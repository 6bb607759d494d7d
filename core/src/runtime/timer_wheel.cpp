#include "runtime/timer_wheel.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

namespace troupe::internal {

namespace {
void free_timer(timer& t) noexcept {
  if (t.node != nullptr) release(t.node);
  t.~timer();
  deallocate(&t, sizeof(timer));
}
}  // namespace

void let_go(timer* t) noexcept {
  if (t->let_go()) free_timer(*t);
}

timer_wheel::timer_wheel(steady_time start) noexcept : start_(start) {}

timer_wheel::~timer_wheel() {
  transfers.accept(*this);
  for (level& l : levels_)
    for (std::size_t i = 0; i < slots; ++i)
      while (timer* t = l.slot[i]) {
        unlink(*t);
        let_go(t);
      }
}

// Rounds up, so that a timer fires after its deadline, never before.
std::uint64_t timer_wheel::tick_of(steady_time t) const noexcept {
  if (t <= start_) return 0;
  const auto ns = static_cast<std::uint64_t>((t - start_).count());
  return (ns + (std::uint64_t{1} << tick_shift) - 1) >> tick_shift;
}

void timer_wheel::arm(timer& t) noexcept {
  t.sequence = ++sequence_;
  insert(t);
  ++armed_;
}

// The level is that of the highest bit in which the tick differs from now: all timers of a slot of
// level n share the bits above it, so they are looked at again when those bits become now's.
void timer_wheel::insert(timer& t) noexcept {
  const std::uint64_t tick = std::max(tick_of(t.deadline), now_ + 1);
  const auto highest = static_cast<unsigned>(std::bit_width(tick ^ now_)) - 1;
  const unsigned depth = highest / level_bits;
  const std::size_t index = (tick >> (depth * level_bits)) & (slots - 1);
  level& l = levels_[depth];
  l.occupied |= std::uint64_t{1} << index;
  t.next = l.slot[index];
  t.link = &l.slot[index];
  if (t.next != nullptr) t.next->link = &t.next;
  l.slot[index] = &t;
  t.in_wheel = true;
}

// The slot's bit in `occupied` may stay set: step_to finds the slot empty then.
void timer_wheel::unlink(timer& t) noexcept {
  *t.link = t.next;
  if (t.next != nullptr) t.next->link = t.link;
  t.in_wheel = false;
  --armed_;
}

void timer_wheel::remove(timer& t) noexcept {
  if (!t.in_wheel) return;
  unlink(t);
  let_go(&t);
}

void timer_wheel::discard(timer& t) noexcept {
  unlink(t);
  free_timer(t);
}

timer* timer_wheel::detach(level& from, std::size_t index) noexcept {
  timer* list = from.slot[index];
  from.slot[index] = nullptr;
  from.occupied &= ~(std::uint64_t{1} << index);
  return list;
}

// The first tick after now at which a slot must be looked at.
std::uint64_t timer_wheel::next_tick() const noexcept {
  for (unsigned depth = 0; depth < levels; ++depth) {
    const unsigned shift = depth * level_bits;
    const std::uint64_t position = (now_ >> shift) & (slots - 1);
    // Slots at or before the position belong to the past of this round: they are empty.
    const std::uint64_t ahead =
        position == slots - 1 ? 0 : levels_[depth].occupied & (~std::uint64_t{0} << (position + 1));
    if (ahead == 0) continue;
    const auto index = static_cast<std::uint64_t>(std::countr_zero(ahead));
    return ((now_ >> shift) - position + index) << shift;
  }
  return ~std::uint64_t{0};
}

// Makes `tick` now: the slot of level 0 is due, slots of other levels that begin here move down.
void timer_wheel::step_to(std::uint64_t tick) noexcept {
  now_ = tick;
  for (unsigned depth = levels; depth-- > 0;) {
    const unsigned shift = depth * level_bits;
    if ((tick & ((std::uint64_t{1} << shift) - 1)) != 0) continue;
    timer* list = detach(levels_[depth], (tick >> shift) & (slots - 1));
    while (list != nullptr) {
      timer& t = *list;
      list = t.next;
      if (tick_of(t.deadline) > now_) {
        insert(t);
      } else {
        t.in_wheel = false;
        t.next = due_;
        due_ = &t;
        --armed_;
      }
    }
  }
}

void timer_wheel::advance(steady_time now, void (*fire)(void*, timer&), void* state) {
  if (!transfers.empty()) transfers.accept(*this);
  if (now <= start_) return;
  const std::uint64_t target = static_cast<std::uint64_t>((now - start_).count()) >> tick_shift;
  while (now_ < target) {
    const std::uint64_t next = next_tick();
    if (next > target) {
      now_ = target;
      break;
    }
    step_to(next);
    if (due_ == nullptr) continue;
    std::vector<timer*> due;
    for (timer* t = std::exchange(due_, nullptr); t != nullptr; t = t->next) due.push_back(t);
    std::sort(due.begin(), due.end(), [](const timer* a, const timer* b) {
      return a->deadline != b->deadline ? a->deadline < b->deadline : a->sequence < b->sequence;
    });
    for (timer* t : due) {
      fire(state, *t);
      let_go(t);
    }
  }
}

steady_time timer_wheel::next_deadline() const noexcept {
  if (!transfers.empty()) return start_;
  const std::uint64_t next = next_tick();
  const auto left = static_cast<std::uint64_t>((steady_time::max() - start_).count());
  if (next > left >> tick_shift) return steady_time::max();
  return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(next << tick_shift));
}

}  // namespace troupe::internal
