// Starts on other nodes that lose their connection, their node or their asker on the way.
#include <troupe/net/sim.hpp>

#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::process;
using troupe::sim::sim_node;
using troupe::sim::world;

namespace {

process lives_for(context self, std::uint64_t ms) {
  if (ms > 0) co_await self.sleep(std::chrono::milliseconds(ms));
  self.exit(exit_reason::shutdown);
}

struct progress {
  int rounds = 0;
  bool over = false;  // before the nodes go, which the starters use
};

// Starts one after another on the other node. Each gives a process and one down, or neither.
process starter(context self, world* w, sim_node* here, std::string where,
                std::shared_ptr<progress> made_so_far) {
  for (; !made_so_far->over; ++made_so_far->rounds) {
    const std::uint64_t ms = self.random() % 3 == 0 ? 0 : self.random() % 5000;
    troupe::monitored made;
    std::string failed;
    try {
      made = co_await here->net().spawn_monitor_on(self, where, "lives", ms);
    } catch (const troupe::call_error& e) {
      failed = e.what();
    }
    if (failed.empty()) {
      const auto told = co_await self.receive_within<down>(1min);
      if (!told) co_return w->fail("no down came for a process that was started");
      if (told->ref != made.ref || told->from != made.id) w->fail("a down is of something else");
      const bool lost = told->reason == exit_reason::noconnection;
      if (lost) w->reached("a process was lost with its connection");
      if (!lost && told->reason != exit_reason::shutdown)
        w->fail("a down with the reason " + to_string(told->reason));
    } else {
      w->reached("a start failed");
      co_await self.sleep(100ms);
    }
    const auto more =
        co_await self.receive_within<down>(std::chrono::milliseconds(self.random() % 200));
    if (more) w->fail("a down too many: " + to_string(more->reason) + " after " + failed);
  }
}

}  // namespace

TEST_CASE("whatever is lost a monitored start gives a process and one down or neither") {
  const auto done = troupe::sim::explore({.seeds = troupe_test::seeds_wanted(60)}, [](world& w) {
    const auto so_far = std::make_shared<progress>();  // also for lives that a crash has frozen
    const auto offer = [](sim_node& n) { n.net().offer("lives", lives_for); };
    sim_node& b = w.add_node("b", offer);
    w.add_node("a", [&, so_far](sim_node& a) {
      offer(a);
      for (int i = 0; i < 3; ++i) a.spawn(starter, &w, &a, i == 2 ? a.name() : b.name(), so_far);
      // One that is ended at any moment, most likely while it waits for an answer.
      a.spawn([&w, &a, so_far, there = b.name()](context self) -> process {
        while (!so_far->over) {
          const auto asks = self.spawn_monitor(starter, &w, &a, there, so_far);
          co_await self.sleep(std::chrono::milliseconds(1 + self.random() % 300));
          self.exit(asks.id, exit_reason::kill);
          co_await self.receive<down>();
        }
      });
    });
    w.chaos(
        {.partition = 10s, .one_way = 20s, .stall = 10s, .cut = 2s, .pause = 20s, .crash = 20s});
    w.run_for(60s);
    w.heal();
    const int before = so_far->rounds;
    w.run_for(30s);
    if (so_far->rounds == before) w.fail("no start came through in the end");
    so_far->over = true;
    w.run_for(1min);
    w.finish();
  });
  troupe_test::expect_reached(done, {"a process was lost with its connection", "a start failed"});
}
