#include "sim/supervision_workload.hpp"
#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;

TEST_CASE("a tree of supervisors does what OTP's would whatever ends and does not start") {
  const auto done = troupe::sim::explore(
      {.seeds = seeds_wanted(500)}, [](troupe::sim::world& w) { run_supervision_workload(w); });
  print(done);
  expect_reached(done, {"a restart at the edge of the period", "a whole tree gave up",
                        "two processes ended at once", "a start was ignored",
                        "a supervisor ended because its children had"});
}
