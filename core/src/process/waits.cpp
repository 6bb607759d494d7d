#include <troupe/operation.hpp>

#include "process/internal_signals.hpp"
#include "process/misuse.hpp"
#include "process/own_queue.hpp"
#include "process/process_watch.hpp"
#include "process/relations.hpp"
#include "process/timers.hpp"

#include <algorithm>

namespace troupe::internal {
namespace {

bool clause_takes(receive_wait& w, message_node& node) {
  for (std::uint32_t i = 0; i < w.clause_count; ++i) {
    if (w.first_clause[i] != nullptr && w.first_clause[i] != node.type) continue;
    if (w.accepts != nullptr && !w.accepts(w, node)) continue;
    w.clause = i;
    return true;
  }
  return false;
}

bool lists(const receive_wait& w, const message_type& type) {
  return std::ranges::find(w.clauses(), &type) != w.clauses().end();
}

// An order to end is obeyed by a suspended process, too. (OTP: sys, system_terminate.)
bool is_order_to_end(const process_slot& slot, const message_node& node) {
  if (node.type != &message_type_of<exit_signal>) return false;
  const pid from = static_cast<const exit_signal*>(node.payload())->from;
  return !from || from == slot.what->parent();
}

// While a process is suspended its receives take nothing but what ends that. What was passed over
// is looked at again after it.
void pass_over(receive_wait& w, process_slot& slot, message_node& node) {
  slot.suspended = !is_order_to_end(slot, node);
  w.position = slot.suspended ? &node.next : &slot.first;
}

// A request that nobody waits for any more, or one of sys that this receive does not ask for
// itself; a mark.
bool is_set_aside(receive_wait& w, process_slot& slot, message_node& node) {
  if (node.type->kind == message_kind::signal) {
    release(detach_node(slot, w.position));
    return true;
  }
  if (is_stale_request(node)) {
    release(unlink_node(slot, w.position));
    return true;
  }
  if (!is_for_sys(slot, node) || lists(w, *node.type)) return false;
  const bool was_suspended = slot.suspended;
  answer_for_sys(slot, unlink_node(slot, w.position));
  if (was_suspended && !slot.suspended) w.position = &slot.first;
  return true;
}

}  // namespace

bool receive_over(wait& self, process_slot& slot) {
  auto& w = static_cast<receive_wait&>(self);
  if (w.match != nullptr) return true;
  if (slot.followed) [[unlikely]]
    slot.ties->watch->is_done();
  if (w.position == nullptr) w.position = &slot.first;
  std::size_t skipped = 0;
  while (message_node* const node = *w.position) {
    if (node->type->kind != message_kind::value && is_set_aside(w, slot, *node)) continue;
    if (slot.suspended) [[unlikely]] {
      pass_over(w, slot, *node);
    } else if (clause_takes(w, *node)) {
      w.match = unlink_node(slot, w.position);
      note_taken(slot, *w.match);
      if (slot.followed) [[unlikely]]
        slot.ties->watch->takes(*w.match);
      return true;
    } else if (w.failed) {
      return true;
    } else {
      w.position = &node->next;
      if (++skipped == running.home->options.mailbox_alarm) [[unlikely]]
        raise_mailbox_alarm(slot);
    }
  }
  return w.expired && !slot.suspended;
}

void leave_position(process_slot& slot, message_node** at) noexcept {
  wait* const waits = slot.what->waiting;
  if (waits == nullptr || waits->over != receive_over) return;
  auto& w = static_cast<receive_wait&>(*waits);
  if (w.position == &(*at)->next) w.position = at;
}

// --- all waits ----------------------------------------------------------------------------------

// What comes in finds the process waiting: a request that closes a ring of calls is told by that.
static bool drain_for(process_slot& slot, wait& waits) {
  if (!slot.has_new_mail()) return false;
  struct seen_waiting {
    ~seen_waiting() { what.waiting = nullptr; }  // also if there is no memory for what came
    body& what;
  } const during{*slot.what};
  slot.what->waiting = &waits;
  take_up(slot);
  return true;
}

bool wait::ready() {
  process_slot& slot = *running.slot;
  if (slot.ending) return false;
  if (!over(*this, slot) && (!drain_for(slot, *this) || slot.ending || !over(*this, slot)))
    return false;
  if (running.budget-- > 0) return true;
  slot.yielded = true;  // it has what it waited for, but others are to have their turn first
  return false;
}

void wait::suspend(std::coroutine_handle<> leaf) noexcept {
  process_slot& slot = *running.slot;
  slot.leaf = leaf;
  slot.what->waiting = this;
}

void wait::arm(std::chrono::nanoseconds limit) {
  if (limit != infinity) arm_until(later(running.home->options.time->now(), limit));
}

void wait::arm_until(steady_time time) {
  deadline = time;
  if (time != steady_time::max()) wake_by(*running.slot, time);
}

// --- receive ------------------------------------------------------------------------------------

bool receive_wait::ready_within(std::chrono::nanoseconds limit) {
  if (ready()) return true;
  process_slot& slot = *running.slot;
  if (limit > std::chrono::nanoseconds::zero() || match != nullptr || slot.ending || slot.suspended)
    return false;
  expired = true;
  if (running.budget-- > 0) return true;
  slot.yielded = true;
  return false;
}

void receive_wait::suspend_within(std::coroutine_handle<> leaf, std::chrono::nanoseconds limit) {
  if (match == nullptr && !expired) arm(limit);
  suspend(leaf);
}

// --- replies, sleep, yield ---

void unlink_reply(relations& ties, reply_slot& place) noexcept {
  *place.link = place.next;
  (place.next != nullptr ? place.next->link : ties.replies_end) = place.link;
  place.link = nullptr;
  place.next = nullptr;
}

reply_slot::reply_slot() {
  if (running.slot == nullptr) [[unlikely]]
    end_for_misuse();  // a call from outside
  process_slot& slot = *running.slot;
  relations& ties = ties_of(slot);
  ref = ++ties.last_number;
  link = ties.replies_end;
  *link = this;
  ties.replies_end = &next;
}

reply_slot::reply_slot(reply_slot&& other) noexcept
    : ref(other.ref),
      callee(other.callee),
      node(std::exchange(other.node, nullptr)),
      next(std::exchange(other.next, nullptr)),
      link(std::exchange(other.link, nullptr)) {
  if (link == nullptr) return;
  *link = this;
  (next != nullptr ? next->link : running.slot->ties->replies_end) = &next;
}

reply_slot::~reply_slot() {
  if (node != nullptr) release(node);
  if (link != nullptr) unlink_reply(*running.slot->ties, *this);
}

static bool reply_over(wait& self, process_slot&) {
  return static_cast<reply_wait&>(self).awaited.node != nullptr || self.expired;
}

reply_wait::reply_wait(reply_slot& slot) : awaited(slot) { over = reply_over; }

reply_slot* awaited_reply(const process_slot& slot) noexcept {
  wait* const w = slot.what->waiting;
  if (w == nullptr || w->over != reply_over || w->expired) return nullptr;
  reply_slot& awaited = static_cast<reply_wait&>(*w).awaited;
  return awaited.node == nullptr ? &awaited : nullptr;
}

sleep_wait::sleep_wait() {
  over = [](wait& self, process_slot&) { return self.expired; };
}

yield_wait::yield_wait() {
  over = [](wait&, process_slot&) { return true; };
}

void yield_wait::await_suspend(std::coroutine_handle<> leaf) noexcept {
  running.slot->yielded = true;
  suspend(leaf);
}

// --- operations outside the scheduler ---

static bool operation_over(wait& self, process_slot&) {
  return static_cast<operation_wait&>(self).done;
}

operation_wait::operation_wait(operation& what) : work(what) {
  over = operation_over;
  interrupt = [](wait& self) noexcept {
    auto& w = static_cast<operation_wait&>(self);
    if (!std::exchange(w.asked_to_end, true)) w.work.cancel();
  };
}

void take_completion(process_slot& slot, std::uint64_t token) {
  wait* const w = slot.what->waiting;
  if (w == nullptr || w->over != operation_over) return;
  auto& operation = static_cast<operation_wait&>(*w);
  operation.done = operation.done || operation.token == token;
}

void operation_wait::await_suspend(std::coroutine_handle<> leaf) {
  process_slot& slot = *running.slot;
  token = next_number(slot);
  work.start(completion(*running.home, id_of(slot), token));
  suspend(leaf);
}

}  // namespace troupe::internal

namespace troupe {

void completion::operator()() const {
  home_->deliver(waiter_, internal::make_node<internal::completion_sent>(token_));
}

}  // namespace troupe
