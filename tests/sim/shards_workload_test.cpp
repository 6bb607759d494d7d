#include "sim/shards_workload.hpp"

#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;

TEST_CASE("a cluster never has two live processes of one key whatever goes wrong") {
  const auto done = troupe::sim::explore({.seeds = seeds_wanted(100)},
                                         [](troupe::sim::world& w) { run_shards_workload(w); });
  print(done);
  expect_reached(
      done,
      {"a key got a process on another node than before",
       "a key got a process where it had one before",
       "mail came for a key whose process was ending", "a shard with processes lost its lease",
       "a process of a key did not end when it was asked to", "the region of a node was killed",
       "the region of a node was stopped", "the process of a key that was stopped wrote too late",
       "mail waited for a shard"});
}
