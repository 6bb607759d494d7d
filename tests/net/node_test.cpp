#include <troupe/net/node.hpp>

#include <atomic>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
using troupe::net::node_error;

namespace {

struct forward_to {
  using reply = pid;
  pid target;
};
struct many {
  std::vector<int> values;
};
struct opaque_part {
  std::function<void()> job;
};
struct only_here {
  using reply = int;
};
struct large {
  using reply = int;
  std::string text;
};
struct nobody_takes {
  int value;
};

troupe::process forwarder(context self) {
  for (;;)
    co_await self.receive([&](troupe::request<forward_to> r) {
      self.send(r->target, number{7});
      r.reply(self.id());
    });
}

troupe::process adder(context self, int start, std::string name) {
  self.register_as(name);
  for (;;) co_await self.receive([&](troupe::request<ask> r) { r.reply(start += r->value); });
}

class counting : public troupe::server {
 public:
  using handles = troupe::messages<ask>;
  explicit counting(int start) : value_(start) {}
  int handle(ask m) { return value_ += m.value; }

 private:
  int value_;
};

}  // namespace

TEST_CASE("a message to a name on another node arrives, and the node is connected on first use") {
  two_nodes t;
  CHECK(t.a.node->nodes().empty());
  const int got = t.b.system.run([&](context self) -> task<int> {
    self.register_as("sink");
    t.a.system.send({"sink", t.b.name()}, number{42});
    const number n = co_await self.receive<number>();
    co_return n.value;
  });
  CHECK(got == 42);
  CHECK(t.a.node->nodes() == std::vector{t.b.name()});
  CHECK(t.b.node->nodes() == std::vector{t.a.name()});
}

TEST_CASE("a call crosses nodes by name and by pid") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
    const pid there = co_await pid_of(self, "echo", t.b.name());
    CHECK_FALSE(there.local());
    CHECK(co_await self.call(there, ask{2}) == 3);
  });
}

TEST_CASE("a pid in a message names the same process on both nodes") {
  two_nodes t;
  const pid there_itself = t.b.system.spawn_with({.name = "forwarder"}, forwarder);
  t.a.system.run([&](context self) -> task<> {
    // Ours goes over and is sent to; theirs comes back in the reply, and can be called.
    const pid there = co_await self.call({"forwarder", t.b.name()}, forward_to{self.id()});
    CHECK((co_await self.receive<number>()).value == 7);
    CHECK(there.id == there_itself.id);
    CHECK(co_await self.call(there, forward_to{self.id()}) == there);
  });
}

TEST_CASE("a name that is not reachable is to other nodes as if nobody had it") {
  test_node a{{}, "a"};
  test_node b{{.reachable_names = std::vector<std::string>{"open"}}, "b"};
  b.system.spawn_with({.name = "open"}, echo);
  b.system.spawn_with({.name = "closed"}, echo);
  a.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"open", b.name()}, ask{1}) == 2);
    const auto answer = co_await self.try_call({"closed", b.name()}, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == exit_reason::noproc);
    const auto ref = self.monitor({"closed", b.name()});
    const auto told = co_await self.receive<troupe::down>();
    CHECK(told.ref == ref);
    CHECK(told.reason == exit_reason::noproc);
    self.send({"closed", b.name()}, die{"by a stranger"});
    CHECK(co_await self.call({"open", b.name()}, ask{2}) == 3);
  });
  b.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"closed"}, ask{1}) == 2);
    CHECK(co_await self.call({"closed", b.name()}, ask{2}) == 3);
  });
}

TEST_CASE("a name with this very node is a name here") {
  two_nodes t;
  t.a.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"echo", t.a.name()}, ask{1}) == 2);
    co_await t.a.node->connect(self, t.a.name());
  });
}

TEST_CASE("messages between two processes on two nodes arrive in the order sent") {
  two_nodes t;
  constexpr int count = 20'000;
  t.b.system.run([&](context self) -> task<> {
    self.register_as("sink");
    t.a.system.spawn([&t](context sender) -> troupe::process {
      for (int i = 0; i < count; ++i) sender.send({"sink", t.b.name()}, number{i});
      co_return;
    });
    for (int i = 0; i < count; ++i) {
      const number n = co_await self.receive<number>();
      if (n.value != i) FAIL("message " << n.value << " came in the place of " << i);
    }
  });
}

TEST_CASE("a large message crosses whole") {
  two_nodes t;
  many sent;
  for (int i = 0; i < 500'000; ++i) sent.values.push_back(i * 7 - 1'000'000);
  t.b.system.run([&](context self) -> task<> {
    self.register_as("sink");
    t.a.system.send({"sink", t.b.name()}, many(sent));
    const many got = co_await self.receive<many>();
    CHECK(got.values == sent.values);
  });
}

TEST_CASE("a behaviour that a node offers can be started from another node, with arguments") {
  two_nodes t;
  t.b.node->offer("adder", adder);
  t.b.node->offer<counting, int>("counting");
  t.a.system.run([&](context self) -> task<> {
    const pid made = co_await t.a.node->spawn_on(self, t.b.name(), "adder", 10, std::string("ten"));
    CHECK(co_await self.call(made, ask{5}) == 15);
    CHECK(co_await self.call({"ten", t.b.name()}, ask{5}) == 20);
    const pid server = co_await t.a.node->spawn_on(self, t.b.name(), "counting", 1);
    CHECK(co_await self.call(server, ask{2}) == 3);
  });
  CHECK_FALSE(t.a.node->spawn_on(t.b.name(), "counting", 1).local());
}

TEST_CASE("a process started on another node with a link ends when its starter does") {
  two_nodes t;
  t.b.node->offer("adder", adder);
  t.b.system.run([&](context watcher) -> task<> {
    const pid starter = t.a.system.spawn([&t](context self) -> troupe::process {
      co_await t.a.node->spawn_link_on(self, t.b.name(), "adder", 0, std::string("linked"));
      co_await self.receive<die>();
      throw std::runtime_error("over");
    });
    pid child;
    while (!(child = watcher.whereis("linked"))) co_await watcher.yield();
    const auto ref = watcher.monitor(child);
    t.a.system.send(starter, die{});
    const auto down = co_await watcher.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::error("std::runtime_error", "over"));
  });
}

TEST_CASE("what is not offered cannot be started, and the error says so") {
  two_nodes t;
  t.b.node->offer("adder", adder);
  t.a.system.run([&](context self) -> task<> {
    CHECK_THROWS_WITH(co_await t.a.node->spawn_on(self, t.b.name(), "shell", 1),
                      matchers::ContainsSubstring("does not offer the behaviour shell"));
    CHECK_THROWS_WITH(co_await t.a.node->spawn_on(self, t.b.name(), "adder", 1.5),
                      matchers::ContainsSubstring("adder takes tuple<int32,string>"));
  });
  t.b.system.spawn_with({.name = "echo"}, echo);
  CHECK(t.a.system.call({"echo", t.b.name()}, ask{1}) == 2);
}

TEST_CASE("nodeup and nodedown come once for each connection, nodedown after all noconnections") {
  test_node a{{}, "a"};
  auto b = std::make_unique<test_node>(troupe::net::node_options{}, "b");
  const std::string b_name = b->name();
  b->system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    a.node->monitor_nodes(self);
    co_await a.node->connect(self, b_name);
    const auto up = co_await self.receive<troupe::net::nodeup>();
    CHECK(up.node == b_name);
    CHECK(up.incarnation == b->node->incarnation());
    const pid there = co_await pid_of(self, "echo", b_name);
    const auto ref = self.monitor(there);
    CHECK(co_await self.call(there, ask{1}) == 2);
    co_await self.blocking([&] { b = nullptr; });
    // In this order: whatever comes first must be the monitor.
    const bool down_first = co_await self.receive(
        [&](troupe::down d) {
          CHECK(d.ref == ref);
          return true;
        },
        [](troupe::net::nodedown) { return false; });
    CHECK(down_first);
    const auto down = co_await self.receive<troupe::net::nodedown>();
    CHECK(down.node == b_name);
    CHECK(down.incarnation == up.incarnation);
    CHECK(a.node->nodes().empty());
  });
}

TEST_CASE("a subscriber is told of nodes that are up already") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  t.a.system.run([&](context self) -> task<> {
    t.a.node->monitor_nodes(self);
    CHECK((co_await self.receive<troupe::net::nodeup>()).node == t.b.name());
  });
}

TEST_CASE("who subscribes to nodes twice is told of each twice until all is taken back") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    const auto told = [&]() -> task<std::pair<int, int>> {
      std::pair<int, int> all;
      for (bool more = true; more;)
        more = co_await self.receive([&](troupe::net::nodeup) { return ++all.first > 0; },
                                     [&](troupe::net::nodedown) { return ++all.second > 0; },
                                     troupe::after(0ns, [] { return false; }));
      co_return all;
    };
    t.a.node->monitor_nodes(self);
    t.a.node->monitor_nodes(self);
    co_await t.a.node->connect(self, t.b.name());
    CHECK(co_await told() == std::pair(2, 0));
    t.a.node->monitor_nodes(self);  // of the one that is up, by this subscription alone
    t.a.node->disconnect(t.b.name());
    (void)co_await self.receive<troupe::net::nodedown>();
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
    CHECK(co_await told() == std::pair(1 + 3, 2));
    co_await t.a.node->demonitor_nodes(self);
    (void)co_await told();
    t.a.node->disconnect(t.b.name());
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
    co_await t.a.node->demonitor_nodes(self);
    CHECK(co_await told() == std::pair(0, 0));
  });
}

TEST_CASE("links and monitors and calls with a hidden node are as with others") {
  test_node a{{}, "a"};
  auto hidden = std::make_unique<test_node>(troupe::net::node_options{.hidden = true}, "hidden");
  hidden->system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    a.node->monitor_nodes(self);
    const pid there = co_await pid_of(self, "echo", hidden->name());
    CHECK(co_await self.call(there, ask{1}) == 2);
    self.link(there);
    const auto ref = self.monitor(there);
    co_await self.blocking([&] { hidden = nullptr; });
    CHECK((co_await self.receive<troupe::exit_signal>()).reason == exit_reason::noconnection);
    CHECK((co_await self.receive<troupe::down>()).ref == ref);
    const auto told = co_await self.receive_within<troupe::net::nodedown>(0ns);
    CHECK_FALSE(told.has_value());
  });
}

TEST_CASE("a hidden node is in no list of nodes and raises no nodeup") {
  test_node a{{}, "a"};
  test_node hidden{{.hidden = true}, "hidden"};
  hidden.node->connect(a.name());
  a.system.spawn_with({.name = "echo"}, echo);
  CHECK(hidden.system.call({"echo", a.name()}, ask{1}) == 2);
  CHECK(a.node->nodes().empty());
  CHECK(hidden.node->nodes() == std::vector{a.name()});
}

TEST_CASE("a node that restarts under its name is another incarnation: its old pids are dead") {
  test_node a{{}, "a"};
  auto b = std::make_unique<test_node>(troupe::net::node_options{}, "b");
  const std::string b_name = b->name();
  b->system.spawn_with({.name = "echo"}, echo);
  const pid old = a.system.run(
      [&](context self) -> task<pid> { co_return co_await pid_of(self, "echo", b_name); });
  b = nullptr;
  REQUIRE(comes_true([&] { return a.node->nodes().empty(); }));
  b = std::make_unique<test_node>(troupe::net::node_options{.name = b_name}, "b");
  b->system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    CHECK(co_await self.call({"echo", b_name}, ask{1}) == 2);
    const pid fresh = co_await pid_of(self, "echo", b_name);
    CHECK(fresh != old);
    const auto answer = co_await self.try_call(old, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == exit_reason::noproc);
    const auto ref = self.monitor(old);
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::noproc);
  });
}

TEST_CASE(
    "two nodes that dial each other at the same time end with one connection, losing nothing") {
  for (int round = 0; round < 50; ++round) {
    two_nodes t;
    std::atomic<int> answers{0};
    const auto ask_the_other = [&answers](test_node& from, test_node& to) {
      from.system.spawn_with({.name = "echo"}, echo);
      return from.system.spawn([&](context self) -> troupe::process {
        (void)co_await self.receive<number>();
        answers += co_await self.call({"echo", to.name()}, ask{1});
      });
    };
    const pid in_a = ask_the_other(t.a, t.b);
    const pid in_b = ask_the_other(t.b, t.a);
    t.a.system.send(in_a, number{0});
    t.b.system.send(in_b, number{0});
    const auto ended = [](test_node& n, pid asker) {
      n.system.run([&](context self) -> task<> {
        (void)self.monitor(asker);
        const auto end = co_await self.receive<troupe::down>();
        const bool well = end.reason == exit_reason::normal || end.reason == exit_reason::noproc;
        CHECK(well);
      });
    };
    ended(t.a, in_a);
    ended(t.b, in_b);
    CHECK(answers == 4);
    CHECK(t.a.node->nodes() == std::vector{t.b.name()});
    CHECK(t.b.node->nodes() == std::vector{t.a.name()});
    CHECK(t.a.log->text().find("down") == std::string::npos);
    CHECK(t.b.log->text().find("down") == std::string::npos);
  }
}

TEST_CASE("a disconnected node is connected again on the next use") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    t.a.node->monitor_nodes(self);
    co_await t.a.node->connect(self, t.b.name());
    t.a.node->disconnect(t.b.name());
    (void)co_await self.receive<troupe::net::nodedown>();
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
  });
}

TEST_CASE("many nodes connect each with each") {
  std::vector<std::unique_ptr<test_node>> nodes;
  for (int i = 0; i < 6; ++i)
    nodes.push_back(
        std::make_unique<test_node>(troupe::net::node_options{}, "n" + std::to_string(i)));
  for (const auto& n : nodes) n->system.spawn_with({.name = "echo"}, echo);
  for (const auto& from : nodes)
    from->system.run([&](context self) -> task<> {
      for (const auto& to : nodes) CHECK(co_await self.call({"echo", to->name()}, ask{1}) == 2);
    });
  for (const auto& n : nodes) CHECK(n->node->nodes().size() == nodes.size() - 1);
}

// --- what goes wrong ---

TEST_CASE(
    "an unreachable node is noconnection for calls and monitors, and a clear error to connect") {
  test_node a{{}, "a"};
  const std::string nowhere = "b@127.0.0.1:1";
  CHECK_THROWS_WITH(a.node->connect(nowhere),
                    matchers::ContainsSubstring("cannot connect to b@127.0.0.1:1") &&
                        matchers::ContainsSubstring("refused"));
  a.system.run([&](context self) -> task<> {
    auto answer = co_await self.try_call({"echo", nowhere}, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == exit_reason::noconnection);
    const auto ref = self.monitor({"echo", nowhere});
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::noconnection);
  });
}

TEST_CASE("a node name that is none is told where it is used") {
  test_node a{{}, "a"};
  CHECK_THROWS_WITH(a.node->connect("nonsense"), matchers::ContainsSubstring("nonsense"));
  auto answer = a.system.run([&](context self) -> task<exit_reason> {
    auto got = co_await self.try_call({"echo", "b@host"}, ask{1});
    co_return got.reason();
  });
  CHECK(answer == exit_reason::noconnection);
  CHECK(std::string(answer.text()).find("b@host") != std::string::npos);
}

TEST_CASE("a wrong cookie is refused on both sides with a text, and both nodes live") {
  test_node a{{}, "a"};
  test_node b{{.cookie = "another cookie, as long as it must be"}, "b"};
  CHECK_THROWS_WITH(a.node->connect(b.name()), matchers::ContainsSubstring("cookie"));
  CHECK(b.log->has("cookie"));
  CHECK(a.node->nodes().empty());
  CHECK(b.node->nodes().empty());
  test_node c{{}, "c"};
  a.node->connect(c.name());
  CHECK(a.node->nodes() == std::vector{c.name()});
}

TEST_CASE("a message type that the other node does not know is told to the caller") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    auto answer = co_await self.try_call({"echo", t.b.name()}, only_here{});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason().type() == "troupe::not_receivable");
    CHECK(std::string(answer.reason().text()).find("only_here") != std::string::npos);
    self.send({"echo", t.b.name()}, nobody_takes{1});
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
  });
  CHECK(t.b.log->has("nobody_takes"));
}

TEST_CASE("a type that cannot cross is an error of its sender, and the connection lives") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    self.send({"echo", t.b.name()}, opaque_part{});
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
  });
  CHECK(t.a.log->has("opaque_part"));
}

TEST_CASE("a message above the limit is refused at its sender, and the connection lives") {
  test_node a{{.max_message_bytes = 10'000}, "a"};
  test_node b{{.max_message_bytes = 10'000}, "b"};
  b.system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    self.send({"echo", b.name()}, many{std::vector<int>(20'000, 1'000'000)});
    CHECK(co_await self.call({"echo", b.name()}, ask{1}) == 2);
  });
  CHECK(a.log->has("many"));
}

TEST_CASE("a name that is too long is an error of who uses it, and the connection lives") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    const std::string name(300, 'x');
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
    auto answer = co_await self.try_call({name, t.b.name()}, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason().type() == "troupe::not_sendable");
    self.send({name, t.b.name()}, number{1});
    self.send({"", t.b.name()}, number{1});
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
  });
  CHECK(t.a.log->text().find("down") == std::string::npos);
}

TEST_CASE("what waits for a node is bounded in bytes, and what is too much is noconnection") {
  test_node a{{.max_queued_bytes = 100'000}, "a"};
  test_node b{{}, "b"};
  b.system.spawn_with({.name = "echo"}, echo);
  a.system.run([&](context self) -> task<> {
    auto answer = co_await self.try_call({"echo", b.name()}, large{std::string(200'000, 'x')});
    REQUIRE_FALSE(answer.has_value());
    CHECK_THAT(to_string(answer.reason()), matchers::ContainsSubstring("max_queued_bytes"));
    CHECK(co_await self.call({"echo", b.name()}, ask{1}) == 2);
  });
}

TEST_CASE("a process spawned with a link on this very node by its name is linked as elsewhere") {
  test_node a{{}, "a"};
  a.node->offer(
      "quitter", +[](context self, int) -> troupe::process {
        co_await self.receive(troupe::after(0ns, [] { throw std::runtime_error("boom"); }));
      });
  a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 100; ++i) {
      const pid child = co_await a.node->spawn_link_on(self, a.name(), "quitter", i);
      const auto exit = co_await self.receive<troupe::exit_signal>();
      CHECK(exit.from == child);
      CHECK(exit.reason.text() == "boom");
    }
  });
  CHECK(a.comes_to_rest());
}

TEST_CASE("an address in use, a bad name, no loopback: a node is not made and the error says why") {
  test_node a{{}, "a"};
  const auto failing = [](troupe::net::node_options options) {
    test_node made(std::move(options));
  };
  CHECK_THROWS_WITH(failing({.name = a.name()}), matchers::ContainsSubstring("in use"));
  CHECK_THROWS_WITH(failing({.name = "no port"}), matchers::ContainsSubstring("no port"));
  CHECK_THROWS_WITH(failing({.name = "a@10.0.0.1:7400"}),
                    matchers::ContainsSubstring("listen_insecure"));
  CHECK_THROWS_AS(failing({.cookie = "short"}), node_error);
}

TEST_CASE("calls, links and monitors under way when a node stops all end, once") {
  test_node a{{}, "a"};
  auto b = std::make_unique<test_node>(troupe::net::node_options{}, "b");
  const std::string b_name = b->name();
  b->system.spawn_with({.name = "silent"}, [](context self) -> troupe::process {
    std::vector<troupe::request<ask>> kept;
    for (;;)
      co_await self.receive([&](troupe::request<name_yourself> r) { r.reply(self.id()); },
                            [&](troupe::request<ask> r) { kept.push_back(std::move(r)); });
  });
  a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid silent = co_await pid_of(self, "silent", b_name);
    self.link(silent);
    const auto ref = self.monitor(silent);
    auto call = self.send_request(silent, ask{1}, troupe::infinity);
    // The signals above have arrived when this is answered.
    (void)co_await pid_of(self, "silent", b_name);
    co_await self.blocking([&] { b = nullptr; });
    auto answer = co_await call;
    REQUIRE_FALSE(answer.has_value());
    CHECK_FALSE(answer.reason() == exit_reason::normal);
    const auto exit = co_await self.receive<troupe::exit_signal>();
    CHECK(exit.from == silent);
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
    CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
  });
  CHECK(a.comes_to_rest());
}
