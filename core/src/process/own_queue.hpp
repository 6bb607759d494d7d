#pragma once
// A process's own queue: the mail that it has taken in and not received yet. Every message goes
// through here, so what is short stands here.

#include "process/relations.hpp"
#include "runtime/workplace.hpp"

namespace troupe::internal {

inline void enqueue(process_slot& slot, message_node* node) noexcept {
  node->next = nullptr;
  *slot.last = node;
  slot.last = &node->next;
}
// What the process itself has made of a signal: it counts for no bound.
void enqueue_own(process_slot& slot, message_node* node);

// Of a bounded mailbox: room for who waits for it.
void count_out(process_slot& slot, const message_node& node);
// Takes a message out, which is not counted as taken.
inline message_node* detach_node(process_slot& slot, message_node** at) noexcept {
  message_node* const node = *at;
  *at = node->next;
  if (*at == nullptr) slot.last = at;
  node->next = nullptr;
  if (slot.bounded()) [[unlikely]]
    count_out(slot, *node);
  return node;
}
// Signals are only there when nothing is received any more.
inline message_node* unlink_node(process_slot& slot, message_node** at) noexcept {
  tally::add(running.at->counts.taken, 1);
  return detach_node(slot, at);
}

// The process takes this message: what reports and deadlines must know. While it is asked by
// nobody, `serving` has no end.
inline void note_taken(process_slot& slot, const message_node& node) {
  slot.what->last_message = node.type;
  running.at->handles.store(node.type, std::memory_order_relaxed);
  if (node.type->kind == message_kind::request) {
    const auto& header = *static_cast<const request_header*>(node.payload());
    relations& ties = ties_of(slot);
    ties.serving = header.deadline;
    ties.asked_by = header.reply_to;
    ties.asked_ref = header.ref;
  } else if (slot.ties != nullptr && slot.ties->asked_by) {
    slot.ties->serving = steady_time::max();
    slot.ties->asked_by = {};
  }
}

}  // namespace troupe::internal
