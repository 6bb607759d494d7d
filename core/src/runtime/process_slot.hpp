#pragma once

#include <troupe/process.hpp>

#include "runtime/tenancy.hpp"

#include <coroutine>
#include <utility>

namespace troupe::internal {

struct relations;

// All that a process needs besides its body: one cache line. Other threads reach the tenancy only;
// the rest belongs to the worker that runs the process (or that spawns it).
struct alignas(64) process_slot : tenancy<std_sync, message_node> {
  // Whoever wakes the process hands over the first mail, oldest first, before it schedules it: it
  // stands where the next one goes, and is not part of the queue before the owner has taken it up.
  void hand_over(message_node* node) noexcept { *last = node; }
  message_node* take_handed_over() noexcept { return std::exchange(*last, nullptr); }
  // Owner: whether there is something to take up.
  [[nodiscard]] bool has_new_mail() const noexcept { return *last != nullptr || mail.any(); }

  bool traps_exits : 1 = false;
  bool announces : 1 = false;  // tells its parent when its init is through
  bool urgent : 1 = false;     // of high priority; set before it first runs
  bool suspended : 1 = false;  // by sys: what it waits for in a receive is not given to it
  bool followed : 1 = false;   // by sys: its messages are noted, in `ties->watch`
  bool ending = false;         // an exit signal took effect: it stops at the next chance
  bool yielded = false;        // it gave its turn away and wants another
  bool held = false;           // it has filled a mailbox: it runs again when there is room
  body* what = nullptr;
  std::coroutine_handle<> leaf;      // innermost coroutine: where to go on
  message_node* first = nullptr;     // mail taken out of the mailbox, not handled yet
  message_node** last = &first;      // where the next one goes
  relations* ties = nullptr;         // made when first needed
  process_slot* run_link = nullptr;  // of the submit queue and of the free lists
};
static_assert(sizeof(process_slot) == 64);

}  // namespace troupe::internal
