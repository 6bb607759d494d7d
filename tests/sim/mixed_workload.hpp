#pragma once
// Nodes whose processes do a bit of everything by chance, and what must hold of it whatever goes
// wrong: see the checks in mixed_workload.cpp.

#include <troupe/net/sim.hpp>

namespace troupe_test {

struct workload_options {
  std::size_t max_nodes = 7;
  /// Virtual time with faults; as much again is allowed for all to be well after them.
  std::chrono::nanoseconds under_faults = std::chrono::seconds(20);
};

/// Fills the world with nodes and processes, lets things go wrong, heals it and demands progress.
/// How many nodes and which faults is decided by the world's seed.
void run_mixed_workload(troupe::sim::world& w, const workload_options& options = {});

}  // namespace troupe_test
