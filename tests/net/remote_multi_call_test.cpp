// Calls of one name on many nodes, and timers that send to other nodes.
#include <troupe/multi_call.hpp>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::process;
using troupe::task;

TEST_CASE("multi_call asks a name on many nodes and tells who failed and why in one time") {
  test_node a{{}, "a"};
  test_node b{{}, "b"};
  test_node nameless{{}, "nameless"};
  test_node slow{{}, "slow"};
  std::string dead;
  {
    test_node over{{}, "over"};
    dead = over.name();
  }
  for (test_node* n : {&a, &b}) n->system.spawn_with({.name = "echo"}, echo);
  slow.system.spawn_with({.name = "echo"}, [](context self) -> process {
    const auto kept = co_await self.receive<troupe::request<ask>>();
    co_await self.receive<die>();
  });
  a.system.run([&](context self) -> task<> {
    std::vector<troupe::destination> all;
    for (const std::string& node : {dead, slow.name(), nameless.name(), a.name(), b.name()})
      all.emplace_back("echo", node);
    const auto got = co_await troupe::multi_call(self, all, ask{1}, 200ms);
    REQUIRE(got.replies.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(got.replies[i].by.node() == all[3 + i].node());
      CHECK(got.replies[i].value == 2);
    }
    REQUIRE(got.bad.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(got.bad[i].by.node() == all[i].node());
    CHECK(got.bad[0].reason == exit_reason::noconnection);
    CHECK(got.bad[1].reason.type() == "troupe::timeout");
    CHECK(got.bad[2].reason == exit_reason::noproc);
  });
}

TEST_CASE("a timer sends to a process and to a name on another node and not once it is cancelled") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.b.system.run([&](context taker) -> task<> {
    taker.register_as("taker");
    t.a.system.spawn([&t](context self) -> process {
      const auto there = co_await pid_of(self, "echo", t.b.name());
      const troupe::destination taker("taker", t.b.name());
      const auto cancelled = self.send_after(20ms, taker, number{1});
      const auto second = self.send_after(20ms, there, die{"normal"});
      CHECK(self.cancel(cancelled));
      CHECK(self.cancel(second));
      CHECK_FALSE(self.cancel(second));
      self.send_after(30ms, taker, number{2});
      const auto ref = self.monitor(there);
      const auto at = self.send_after(40ms, there, die{"shutdown"});
      const auto told = co_await self.receive<troupe::down>();
      CHECK(told.ref == ref);
      CHECK(told.reason == exit_reason::shutdown);
      CHECK_FALSE(self.cancel(at));
      self.send(taker, number{3});
    });
    CHECK((co_await taker.receive<number>()).value == 2);
    CHECK((co_await taker.receive<number>()).value == 3);
  });
}

TEST_CASE("a timer for another node ends with the process that armed it") {
  two_nodes t;
  t.b.system.run([&](context taker) -> task<> {
    taker.register_as("taker");
    const troupe::destination to("taker", t.b.name());
    const auto ends_at_once = [&](context self) -> process {
      self.send_after(20ms, to, number{1});
      co_return;
    };
    const auto waits = [&](context self) -> process {
      self.send_after(40ms, to, number{2});
      co_await self.sleep(60ms);
    };
    t.a.system.spawn(ends_at_once);
    t.a.system.spawn(waits);
    CHECK((co_await taker.receive<number>()).value == 2);
  });
}
