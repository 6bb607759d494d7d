#pragma once

#include "runtime/engine.hpp"

namespace troupe::internal {

// Runs a process that is scheduled: until it waits, ends, or has had its share. True if it wants
// another turn.
bool take_turn(process_slot& slot);

// A timer is due: sends what it holds, unless it was cancelled.
void fire(engine& home, timer& due) noexcept;

}  // namespace troupe::internal
