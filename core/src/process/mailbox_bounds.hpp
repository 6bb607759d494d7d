#pragma once

#include "process/relations.hpp"

namespace troupe::internal {

// The receiver's side of a bounded mailbox; the senders' is engine::send.

// The process has taken the message out of its queue.
void count_out(process_slot& slot, const message_node& node);
// A sender is to wait until the mailbox is half empty.
void take_hold(process_slot& slot, const hold_sent& sent);
// The process is at its end: they wait no longer.
void let_held_go(engine& home, relations& ties) noexcept;
// Drops what is too much, the oldest first, if that is the policy.
void drop_oldest(process_slot& slot);

}  // namespace troupe::internal
