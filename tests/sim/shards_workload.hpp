#pragma once
// Nodes that share the processes of some keys while all kinds of things go wrong.

#include <troupe/net/sim.hpp>

namespace troupe_test {

/// How many nodes, which faults, who asks which key when: decided by the world's seed. No key may
/// ever have two processes that live, tokens may only grow, and what one process sends to a key may
/// be lost but never comes twice or in another order.
void run_shards_workload(troupe::sim::world& w);

}  // namespace troupe_test
