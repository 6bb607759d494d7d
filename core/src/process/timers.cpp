#include "process/timers.hpp"

#include "runtime/workplace.hpp"

#include <new>

namespace troupe::internal {

namespace {

timer* make_timer(engine& home, steady_time deadline, pid waiter, std::uint64_t token) {
  auto* t = ::new (allocate(sizeof(timer))) timer;
  t->deadline = deadline;
  t->waiter = waiter;
  t->token = token;
  count(home, &tally::timers, 1);
  return t;
}

}  // namespace

timer* arm_timer(engine& home, steady_time deadline, pid waiter, std::uint64_t token,
                 message_node* node, const destination& target) {
  timer* const t = make_timer(home, deadline, waiter, token);
  t->node = node;
  if (node != nullptr) t->target = target;
  if (running.at != nullptr && running.home == &home) {
    t->home = &running.at->wheel;
    t->home->arm(*t);
  } else {
    home.turns->arm(*t);
  }
  return t;
}

timer* arm_timer_elsewhere(engine& home, steady_time deadline, pid waiter, std::uint64_t token) {
  timer* const t = make_timer(home, deadline, waiter, token);
  home.turns->arm(*t);
  return t;
}

bool disarm(timer* t) noexcept {
  const bool here = running.at != nullptr && t->home == &running.at->wheel;
  if (here && t->in_wheel && t->only_two_hold()) {  // the process and this very wheel
    count(&tally::timers, -1);
    t->home->discard(*t);
    return true;
  }
  const bool stopped = t->claim(timer_state::cancelled);
  if (stopped) {
    count(&tally::timers, -1);
    if (message_node* node = std::exchange(t->node, nullptr)) release(node);
    if (here)
      t->home->remove(*t);
    else
      t->home->transfers.recall(*t);
  }
  let_go(t);
  return stopped;
}

}  // namespace troupe::internal
