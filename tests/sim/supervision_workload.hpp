#pragma once
// Trees of supervisors by chance, whose processes end by chance, against a reference model.

#include <troupe/net/sim.hpp>

namespace troupe_test {

/// Makes a tree, has its processes end one after the other and at last two at once, and stops it.
/// What starts and ends must be what the model says, in that order.
void run_supervision_workload(troupe::sim::world& w);

}  // namespace troupe_test
