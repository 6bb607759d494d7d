#pragma once
// Nodes whose processes join and leave groups by chance while all kinds of things go wrong.

#include <troupe/net/sim.hpp>

namespace troupe_test {

/// How many nodes, which faults, who joins what: decided by the world's seed. Afterwards all nodes
/// must see the same, and whoever monitors must have been told just that.
void run_groups_workload(troupe::sim::world& w);

}  // namespace troupe_test
