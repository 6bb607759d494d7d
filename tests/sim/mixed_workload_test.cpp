#include "sim/mixed_workload.hpp"
#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;

TEST_CASE("a cluster that does a bit of everything keeps its promises under all faults") {
  const auto done = troupe::sim::explore({.seeds = seeds_wanted(100)},
                                         [](troupe::sim::world& w) { run_mixed_workload(w); });
  print(done);
  expect_reached(done, {"a node went down", "a call met noconnection", "a call failed otherwise",
                        "a down by noconnection", "a link broke by noconnection",
                        "a remote spawn failed", "a process was spawned on another node",
                        "a sender was held by a full mailbox", "a ring of calls was closed"});
}
