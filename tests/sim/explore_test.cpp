#include <troupe/net/sim.hpp>

#include "support/catch.hpp"

#include <cstdlib>

using namespace std::chrono_literals;
using troupe::context;
using troupe::process;
using troupe::sim::explore;
using troupe::sim::violation;
using troupe::sim::world;

namespace {

struct note {
  int from;
};

// Fails for some orders of two messages.
void race(world& w) {
  auto& n = w.add_node("n");
  auto p = w.add_probe(n);
  for (const int i : {1, 2})
    n.spawn([to = p.id(), i](context self) -> process {
      self.send(to, note{i});
      co_return;
    });
  const int first = p.expect<note>().from;
  const int second = p.expect<note>().from;
  CHECK(p.count<note>() == 0);
  w.reached("both notes came");
  if (first == 2 && second == 1) w.fail("the second note came first");
}

}  // namespace

TEST_CASE("explore tries seeds until one fails and gives the line that repeats it") {
  CHECK_THROWS_WITH(explore({.seeds = 100}, race),
                    matchers::ContainsSubstring("the second note came first") &&
                        matchers::ContainsSubstring("TROUPE_SEED=") &&
                        matchers::ContainsSubstring("sim_tests"));
}

TEST_CASE("explore counts what was done and reached") {
  const auto done = explore({.seeds = 5, .first_seed = 7}, [](world& w) {
    w.add_node("n");
    w.run_for(10s);
    if (w.seed() != 8) w.reached("not eight");
  });
  CHECK(done.seeds == 5);
  CHECK(done.virtual_time >= 50s);
  CHECK(done.steps > 0);
  REQUIRE(done.reached.size() == 1);
  CHECK(done.reached[0] == std::pair<std::string, std::uint64_t>("not eight", 4));
}

TEST_CASE("explore begins no seed after its time box") {
  const auto done =
      explore({.seeds = 1'000'000'000, .time_box = 50ms}, [](world& w) { w.add_node("n"); });
  CHECK(done.seeds >= 1);
  CHECK(done.seeds < 1'000'000'000);
}

TEST_CASE("what must always hold is looked at after each step") {
  world w;
  auto& n = w.add_node("n");
  int value = 0;
  w.always("the value is below 3", [&] { return value < 3; });
  n.spawn([&value](context self) -> process {
    for (;;) {
      co_await self.sleep(1s);
      ++value;
    }
  });
  CHECK_THROWS_WITH(w.run_for(1min),
                    matchers::ContainsSubstring("not always: the value is below 3"));
  CHECK(value == 3);
}

TEST_CASE("what must hold eventually is waited for after heal and not longer than said") {
  world w;
  auto& n = w.add_node("n");
  bool done = false;
  n.spawn([&done](context self) -> process {
    co_await self.sleep(10s);
    done = true;
  });
  w.eventually("it is done", 30s, [&] { return done; });
  w.heal();
  CHECK(done);
  w.eventually("the moon is blue", 5s, [] { return false; });
  CHECK_THROWS_WITH(w.heal(), matchers::ContainsSubstring("not within 5 s") &&
                                  matchers::ContainsSubstring("the moon is blue"));
}

TEST_CASE("a failure inside of system run is thrown by the next step and not into its frame") {
  world w;
  auto& n = w.add_node("n");
  CHECK(n.system().run([&w](context) -> troupe::task<int> {
    w.fail("found while it ran");
    co_return 1;
  }) == 1);
  CHECK_THROWS_WITH(w.run_for(1s), matchers::ContainsSubstring("found while it ran"));
}

TEST_CASE("finish finds what a node leaves behind") {
  world w;
  auto& n = w.add_node("n");
  n.spawn([](context self) -> process { co_await self.sleep(24h); });
  w.run_for(1s);
  w.finish();  // it was killed, and its timer is gone
  CHECK_FALSE(n.up());
}

TEST_CASE("a probe that gets nothing says so in virtual time") {
  world w;
  auto p = w.add_probe(w.add_node("n"));
  const auto start = w.now();
  CHECK_THROWS_AS(p.expect<note>(1h), violation);
  CHECK(w.now() - start >= 1h);
}
