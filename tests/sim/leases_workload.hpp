#pragma once
// Nodes whose processes want the same names while all kinds of things go wrong.

#include <troupe/net/sim.hpp>

namespace troupe_test {

/// How many nodes, which faults, who gives up what and when: decided by the world's seed. No name
/// may ever have two holders that live, and tokens may only grow.
void run_leases_workload(troupe::sim::world& w);

}  // namespace troupe_test
