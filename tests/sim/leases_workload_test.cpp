#include "sim/leases_workload.hpp"

#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;

TEST_CASE("a name in a directory never has two live holders whatever goes wrong") {
  const auto done = troupe::sim::explore({.seeds = seeds_wanted(100)},
                                         [](troupe::sim::world& w) { run_leases_workload(w); });
  print(done);
  expect_reached(done, {"a process got a name", "a singleton ran", "a holder gave its name back",
                        "a holder ended because it had lost its name",
                        "a holder that traps exits was told that it has lost its name",
                        "a holder that was stopped wrote too late",
                        "a directory confirmed a lease of its earlier life",
                        "the process of the directory was killed"});
}
