#pragma once

#include "process/own_queue.hpp"

namespace troupe::internal {

// The receiver's side of a bounded mailbox; the senders' is engine::send.

// A sender is to wait until the mailbox is half empty.
void take_hold(process_slot& slot, const hold_sent& sent);
// The same for the senders of another node, by what it has left here.
void take_room_wanted(process_slot& slot, std::unique_ptr<mailbox_mark> left);
// The process is at its end: they wait no longer.
void let_held_go(engine& home, relations& ties) noexcept;
// Drops what is too much, the oldest first, if that is the policy.
void drop_oldest(process_slot& slot);

}  // namespace troupe::internal
