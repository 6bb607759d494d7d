#include "sim/groups_workload.hpp"

#include <troupe/groups.hpp>

#include <vector>

#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using namespace std::chrono_literals;
using troupe::context;
using troupe::groups;
using troupe::pid;
using troupe::process;

TEST_CASE("all nodes come to see the same members of groups whatever went wrong") {
  const auto done = troupe::sim::explore({.seeds = seeds_wanted(300)},
                                         [](troupe::sim::world& w) { run_groups_workload(w); });
  print(done);
  expect_reached(done, {"a member of another node joined", "a member of another node left",
                        "a change of groups was of an earlier connection",
                        "an exchange of groups was killed"});
}

TEST_CASE("groups open no connection though they had more to tell when one was lost") {
  troupe::sim::world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node("b");
  const groups here(a.system()), there(b.system());
  const auto waits = [](context self) -> process {
    (void)co_await self.receive<troupe::message>();
  };
  const pid member = a.spawn(waits);
  here.join("room", member);
  w.run_for(1s);
  CHECK(a.net().nodes().empty());
  a.net().connect(b.name());
  CHECK(w.run_until([&] { return there.members("room").size() == 1; }, 5s));
  w.stall(a, b, 1min);  // a new connection would stand at once
  here.join("room", std::vector(300'000, member));
  CHECK(w.run_until([&] { return a.net().nodes().empty() && b.net().nodes().empty(); }, 30s));
  w.run_for(1min);
  CHECK(a.net().nodes().empty());
  CHECK(b.net().nodes().empty());
  CHECK(there.members("room").empty());
  a.net().connect(b.name());
  CHECK(w.run_until([&] { return there.members("room").size() == 300'001; }, 30s));
  w.finish();
}
