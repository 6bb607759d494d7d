#pragma once

#include <troupe/wait.hpp>

#include "runtime/engine.hpp"

namespace troupe::internal {

// Sends what it is given at that time. The caller has one hold on the timer, the wheel the other.
timer* arm_send(engine& home, steady_time deadline, pid owner, message_node* node,
                const destination& to);
// Stops it, and gives up the caller's hold; true if it had not fired.
bool disarm(timer* t) noexcept;

// The running process waits, and not longer than that. One timer serves all its waits: it stays
// armed when a wait is over early, because the next one mostly ends later, so that most calls arm
// nothing. If it fires too early it is armed anew.
void wake_by(process_slot& slot, steady_time time);
// The same for a limit that must hold also while this worker is held up: by a child's constructor.
void wake_by_from_elsewhere(process_slot& slot, steady_time time);
// The timer has fired.
void take_timeout(process_slot& slot, std::uint64_t token);

}  // namespace troupe::internal
