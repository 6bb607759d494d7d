#include "process/timers.hpp"

#include "process/relations.hpp"
#include "runtime/workplace.hpp"

#include <new>

namespace troupe::internal {

namespace {

timer* make_timer(steady_time deadline, pid owner) {
  auto* t = ::new (allocate(sizeof(timer))) timer;
  t->deadline = deadline;
  t->owner = owner;
  return t;
}

// The only one of the process: no other is armed.
timer* make_wake_up(process_slot& slot, steady_time time) {
  timer* const t = make_timer(time, id_of(slot));
  t->token = next_number(slot);
  return t;
}

// By the worker that runs here, or, outside one, through the scheduler.
void arm(engine& home, timer* t) {
  if (running.at != nullptr && running.home == &home) {
    t->home = &running.at->wheel;
    t->home->arm(*t);
  } else {
    home.turns->arm(*t);
  }
}

}  // namespace

timer* arm_send(engine& home, steady_time deadline, pid owner, message_node* node,
                const destination& to) {
  timer* const t = make_timer(deadline, owner);
  t->node = node;
  t->target = to;
  count(home, &tally::timers, 1);
  arm(home, t);
  return t;
}

bool disarm(timer* t) noexcept {
  const bool here = running.at != nullptr && t->home == &running.at->wheel;
  if (here && t->in_wheel && t->only_two_hold()) {  // the process and this very wheel
    if (t->node != nullptr) count(&tally::timers, -1);
    t->home->discard(*t);
    return true;
  }
  const bool stopped = t->claim(timer_state::cancelled);
  if (stopped) {
    if (message_node* node = std::exchange(t->node, nullptr)) {
      count(&tally::timers, -1);
      release(node);
    }
    if (here)
      t->home->remove(*t);
    else
      t->home->transfers.recall(*t);
  }
  let_go(t);
  return stopped;
}

void wake_by(process_slot& slot, steady_time time) {
  timer*& wake_up = ties_of(slot).wake_up;
  if (wake_up != nullptr) {
    // One of another worker is not relied on: a handler may hold that up.
    const bool here = running.at != nullptr && wake_up->home == &running.at->wheel;
    if (here && wake_up->deadline <= time) return;
    disarm(std::exchange(wake_up, nullptr));
  }
  wake_up = make_wake_up(slot, time);
  arm(*running.home, wake_up);
}

void wake_by_from_elsewhere(process_slot& slot, steady_time time) {
  timer*& wake_up = ties_of(slot).wake_up;
  if (wake_up != nullptr) disarm(std::exchange(wake_up, nullptr));
  wake_up = make_wake_up(slot, time);
  running.home->turns->arm(*wake_up);
}

// Nothing if it was replaced when it had fired.
void take_timeout(process_slot& slot, std::uint64_t token) {
  relations& ties = ties_of(slot);
  if (ties.wake_up == nullptr || ties.wake_up->token != token) return;
  const steady_time fired_for = ties.wake_up->deadline;
  disarm(std::exchange(ties.wake_up, nullptr));
  wait* const w = slot.what->waiting;
  if (w == nullptr || w->deadline == steady_time::max()) return;
  if (w->deadline <= fired_for)
    w->expired = true;
  else
    wake_by(slot, w->deadline);
}

}  // namespace troupe::internal
