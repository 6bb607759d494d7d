// Nodes of one machine over Unix domain sockets.
#include <troupe/net/isolated.hpp>

#include <csignal>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "net/peer_program.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;

TEST_CASE("nodes with the host unix reach each other, and each knows the name of the other") {
  test_node a{{.name = "a@unix:0"}};
  test_node b{{.name = "b@unix:0"}};
  CHECK(a.name().starts_with("a@unix:"));
  CHECK(a.name() != b.name());
  b.system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"echo", b.name()}, ask{1}) == 2);
    const pid there = co_await pid_of(self, "echo", b.name());
    const std::string large(8 << 20, 'x');
    const auto why = co_await end_of(self, there, [&] { self.send(there, die{large}); });
    CHECK(why.text().size() > 1000);
  });
  CHECK(b.node->nodes() == std::vector{a.name()});
}

TEST_CASE("a node on the network and one with the host unix reach each other") {
  test_node a{{}, "a"};
  test_node b{{.name = "b@unix:0"}};
  a.system.spawn_with({.name = "echo"}, echo);
  b.system.spawn_with({.name = "echo"}, echo);
  b.system.run(
      [&](context self) -> task<> { CHECK(co_await self.call({"echo", a.name()}, ask{1}) == 2); });
  a.system.run(
      [&](context self) -> task<> { CHECK(co_await self.call({"echo", b.name()}, ask{1}) == 2); });
}

TEST_CASE("a local port that is taken is an error that says so, and one that nobody has, too") {
  test_node a{{.name = "a@unix:0"}};
  test_node b{{.name = "b@unix:0"}};
  const std::string port = a.name().substr(a.name().find('@'));
  CHECK_THROWS_WITH(test_node({.name = "c" + port}), matchers::ContainsSubstring("in use"));
  const std::string gone = b.name();
  b.node.reset();
  CHECK_THROWS_WITH(a.node->connect(gone), matchers::ContainsSubstring("refused"));
  test_node again({.name = gone});
  a.node->connect(gone);
}

TEST_CASE(
    "a node that is lost over a unix socket is noconnection to who monitors a process there") {
  test_node a{{.name = "a@unix:0"}};
  auto b = std::make_unique<test_node>(troupe::net::node_options{.name = "b@unix:0"});
  b->system.spawn_with({.name = "echo"}, echo);
  const std::string name = b->name();
  a.system.run([&](context self) -> task<> {
    const pid there = co_await pid_of(self, "echo", name);
    const auto ref = self.monitor(there);
    co_await self.blocking([&] { b.reset(); });
    const auto lost = co_await self.receive<troupe::down>();
    CHECK(lost.ref == ref);
    CHECK(lost.reason == exit_reason::noconnection);
  });
}

TEST_CASE("an isolated child over a unix socket crashes and is started again") {
  test_node a{{}, "a"};
  const pid tree = a.system.supervise(
      troupe::one_for_one{},
      {troupe::net::isolated_child("fragile", *a.node, peer_program("peer", "peer@unix:0"),
                                   "fragile", 1)});
  a.system.run([&](context self) -> task<> {
    const pid child = self.whereis("fragile");
    CHECK(co_await self.call(child, ask{1}) == 2);
    const auto why = co_await end_of(self, child, [&] { self.send(child, crash{SIGSEGV}); });
    const auto* ended = why.get_if<troupe::net::peer_ended>();
    REQUIRE(ended != nullptr);
    CHECK(ended->signal == SIGSEGV);
    CHECK(ended->node.starts_with("peer@unix:"));
    CHECK(co_await comes_true(self, [&] {
      const pid now = self.whereis("fragile");
      return now && now != child;
    }));
    CHECK(co_await self.call({"fragile"}, ask{2}) == 3);
    (void)co_await end_of(self, tree, [&] { a.system.exit(tree, exit_reason::shutdown); });
  });
  CHECK(no_child_is_left());
}
