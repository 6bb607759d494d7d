// Processes that one node starts on another and monitors from the start.
#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

process ends_as_told(context self, std::string how) {
  if (how == "throw") throw std::runtime_error("told to");
  if (how == "wait") co_await self.receive<die>();
  self.exit(exit_reason::shutdown);
}

// Whether one more `down` comes; an answer of the other node is after all that it has sent.
task<bool> has_another_down(context self, std::string node) {
  (void)co_await self.call({"echo", node}, ask{1});
  const auto more = co_await self.receive_within<down>(0ns);
  co_return more.has_value();
}

}  // namespace

TEST_CASE("a process started on another node with a monitor tells its end once with its reason") {
  two_nodes t;
  t.b.node->offer("ends", ends_as_told);
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    for (const std::string& where : {t.b.name(), t.a.name()}) {
      if (where == t.a.name()) t.a.node->offer("ends", ends_as_told);
      const auto made =
          co_await t.a.node->spawn_monitor_on(self, where, "ends", std::string("wait"));
      CHECK(made.id.local() == (where == t.a.name()));
      self.send(made.id, die{});
      const auto told = co_await self.receive<down>();
      CHECK(told.ref == made.ref);
      CHECK(told.from == made.id);
      CHECK(told.reason == exit_reason::shutdown);
      const bool another = co_await has_another_down(self, t.b.name());
      CHECK_FALSE(another);
    }
  });
}

TEST_CASE("a process that ends as it starts on another node tells its reason and never noproc") {
  two_nodes t;
  t.b.node->offer("ends", ends_as_told);
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    for (int i = 0; i < 100; ++i) {
      const auto made =
          co_await t.a.node->spawn_monitor_on(self, t.b.name(), "ends", std::string("throw"));
      const auto told = co_await self.receive<down>();
      CHECK(told.ref == made.ref);
      REQUIRE(told.reason == exit_reason::error("std::runtime_error", "told to"));
    }
    const bool another = co_await has_another_down(self, t.b.name());
    CHECK_FALSE(another);
  });
}

TEST_CASE("a monitored start that fails leaves no monitor and no down") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    for (const std::string& where : {t.b.name(), t.a.name(), std::string("nobody@127.0.0.1:1")}) {
      CHECK_THROWS_AS(co_await t.a.node->spawn_monitor_on(self, where, "not offered", 1),
                      troupe::call_error);
      CHECK(t.a.system.counts().monitors == 0);
    }
    const bool another = co_await has_another_down(self, t.b.name());
    CHECK_FALSE(another);
  });
}

TEST_CASE("a monitored process on another node whose node is lost is told of as noconnection") {
  two_nodes t;
  t.b.node->offer("ends", ends_as_told);
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    const auto made =
        co_await t.a.node->spawn_monitor_on(self, t.b.name(), "ends", std::string("wait"));
    t.a.node->disconnect(t.b.name());
    const auto told = co_await self.receive<down>();
    CHECK(told.ref == made.ref);
    CHECK(told.from == made.id);
    CHECK(told.reason == exit_reason::noconnection);
    self.send(made.id, die{});  // it has lived on, as in OTP
    const bool another = co_await has_another_down(self, t.b.name());
    CHECK_FALSE(another);
  });
}

TEST_CASE("a monitor that came with a start on another node can be taken back") {
  two_nodes t;
  t.b.node->offer("ends", ends_as_told);
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    for (const std::string& where : {t.b.name(), t.a.name()}) {
      if (where == t.a.name()) t.a.node->offer("ends", ends_as_told);
      const auto made =
          co_await t.a.node->spawn_monitor_on(self, where, "ends", std::string("wait"));
      const auto second = self.monitor(made.id);
      self.demonitor(made.ref);
      self.send(made.id, die{});
      CHECK((co_await self.receive<down>()).ref == second);
      const bool another = co_await has_another_down(self, t.b.name());
      CHECK_FALSE(another);
    }
  });
}
