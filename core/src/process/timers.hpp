#pragma once

#include <troupe/wait.hpp>

#include "runtime/engine.hpp"

namespace troupe::internal {

// Arms a timer of the running process, or, outside a worker, through the scheduler. The caller has
// one hold on it, the wheel the other.
timer* arm_timer(engine& home, steady_time deadline, pid waiter, std::uint64_t token,
                 message_node* node = nullptr, const destination& target = pid{});
// The same for a limit that must hold also while this worker is held up: by a child's constructor.
timer* arm_timer_elsewhere(engine& home, steady_time deadline, pid waiter, std::uint64_t token);

}  // namespace troupe::internal
