#include "process/mailbox_bounds.hpp"

namespace troupe::internal {
namespace {

mailbox_bound& bound_of(const process_slot& slot) {
  return running.home->table.bound_of(id_of(slot));
}

// The oldest that may be dropped, or null.
message_node** oldest(process_slot& slot) {
  for (message_node** at = &slot.first; *at != nullptr; at = &(*at)->next)
    if (is_mail(**at) && (slot.ties == nullptr || !slot.ties->beyond_bound.contains(*at)))
      return at;
  return nullptr;
}

}  // namespace

void count_out(process_slot& slot, const message_node& node) {
  if (slot.ties != nullptr && slot.ties->beyond_bound.erase(&node) != 0) return;
  mailbox_bound& bound = bound_of(slot);
  bound.remove(bound.load_of(node));
  if (slot.ties == nullptr) return;
  const bool awaited = !slot.ties->held_senders.empty() || !slot.ties->until_room.empty();
  if (awaited && bound.half_empty()) let_held_go(*running.home, *slot.ties);
}

void take_hold(process_slot& slot, const hold_sent& sent) {
  ties_of(slot).held_senders.push_back(sent.from);
  if (bound_of(slot).half_empty()) let_held_go(*running.home, *slot.ties);
}

void take_room_wanted(process_slot& slot, std::unique_ptr<mailbox_mark> left) {
  ties_of(slot).until_room.push_back(std::move(left));
  if (bound_of(slot).half_empty()) let_held_go(*running.home, *slot.ties);
}

void let_held_go(engine& home, relations& ties) noexcept {
  for (const pid sender : ties.held_senders) let_go(home, sender);
  ties.held_senders.clear();
  ties.until_room.clear();
}

void drop_oldest(process_slot& slot) {
  mailbox_bound& bound = bound_of(slot);
  while (bound.when_full() == overflow::drop_oldest && bound.full()) {
    message_node** const at = oldest(slot);
    if (at == nullptr) return;
    leave_position(slot, at);
    message_node* const node = detach_node(slot, at);
    count(&tally::refused, 1);
    bound.count_refused();
    bounce(*running.home, id_of(slot), message(node), mailbox_full());
  }
}

}  // namespace troupe::internal
