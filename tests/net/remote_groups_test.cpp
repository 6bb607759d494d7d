// Process groups over nodes. (OTP: pg.)
#include <troupe/groups.hpp>

#include <algorithm>
#include <vector>

#include "net/cluster_support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::groups;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

using pids = std::vector<pid>;

process waits_for_its_end(context self) { co_await self.receive<die>(); }

pid member_on(test_node& n, const std::string& group, const std::string& scope = "pg") {
  const pid made = n.system.spawn(waits_for_its_end);
  groups(n.system, scope).join(group, made);
  return made;
}

bool comes_to_have(test_node& n, const std::string& group, std::size_t members,
                   const std::string& scope = "pg") {
  const groups all(n.system, scope);
  return comes_true([&] { return all.members(group).size() == members; });
}

// Each node has a member and sees the other's. Gives that of the first.
pid share_a_room(two_nodes& t) {
  const pid made = member_on(t.a, "room");
  member_on(t.b, "room");
  t.a.node->connect(t.b.name());
  REQUIRE(comes_to_have(t.a, "room", 2));
  REQUIRE(comes_to_have(t.b, "room", 2));
  return made;
}

// What a monitor tells next: `+` for joined, `-` for left, and how many processes.
task<std::string> next_change(context self) {
  std::string told;
  co_await self.receive(
      [&](const groups::joined& j) { told = '+' + j.group + std::to_string(j.processes.size()); },
      [&](const groups::left& l) { told = '-' + l.group + std::to_string(l.processes.size()); });
  co_return told;
}

// So many joined and left in all, in messages of any number.
task<std::vector<pid>> next_joined(context self, std::size_t count) {
  pids all;
  while (all.size() < count) {
    const auto j = co_await self.receive<groups::joined>();
    all.insert(all.end(), j.processes.begin(), j.processes.end());
  }
  co_return all;
}

}  // namespace

TEST_CASE("a group has members on all nodes that are connected and tells which are local") {
  two_nodes t;
  const pid before = share_a_room(t);
  member_on(t.b, "room");
  member_on(t.b, "other");
  REQUIRE(comes_to_have(t.a, "room", 3));
  REQUIRE(comes_to_have(t.a, "other", 1));
  const groups here(t.a.system);
  CHECK(here.local_members("room") == pids{before});
  CHECK(here.local_members("other").empty());
  CHECK(here.which_groups().size() == 2);
  CHECK(here.which_local_groups() == std::vector<std::string>{"room"});
}

TEST_CASE("groups are shared by nodes on which no name is reachable") {
  test_node a{{.reachable_names = std::vector<std::string>{}}, "a"};
  test_node b{{.reachable_names = std::vector<std::string>{}}, "b"};
  member_on(a, "room");
  member_on(b, "room");
  a.node->connect(b.name());
  CHECK(comes_to_have(a, "room", 2));
  CHECK(comes_to_have(b, "room", 2));
}

TEST_CASE("what is sent to a group reaches its members on every node") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  t.a.system.run([&](context self) -> task<> {
    const auto report = [&](context me, pid to) -> process {
      groups(me.system()).join("room", me);
      me.send(to, number{(co_await me.receive<number>()).value + 1});
    };
    self.register_as("report");
    self.spawn(report, self.id());
    t.b.system.spawn([&](context me) -> process {
      groups(me.system()).join("room", me);
      me.send({"report", t.a.name()}, number{(co_await me.receive<number>()).value + 1});
    });
    const groups all(t.a.system);
    while (all.members("room").size() < 2) co_await self.yield();
    CHECK(all.send("room", number{1}) == 2);
    CHECK((co_await self.receive<number>()).value == 2);
    CHECK((co_await self.receive<number>()).value == 2);
  });
}

TEST_CASE("a monitor is told when members of other nodes join and leave and end") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  const groups there(t.b.system);
  t.a.system.run([&](context self) -> task<> {
    const groups here(t.a.system);
    const auto one = here.monitor(self, "room");
    CHECK(one.members.empty());
    const pid first = member_on(t.b, "room");
    const auto joined = co_await self.receive<groups::joined>();
    CHECK(joined.ref == one.ref);
    CHECK(joined.processes == here.members("room"));
    CHECK(joined.processes.at(0).id == first.id);
    CHECK_FALSE(joined.processes.at(0).local());
    member_on(t.b, "other");
    there.join("room", {first, first});
    CHECK(co_await next_change(self) == "+room2");
    there.leave("room", first);
    CHECK(co_await next_change(self) == "-room1");
    t.b.system.send(first, die{});
    CHECK(co_await next_change(self) == "-room1");
    CHECK(co_await next_change(self) == "-room1");
    CHECK(here.members("room").empty());
    CHECK(here.demonitor(self, one.ref));
    const auto scope = here.monitor_scope(self);
    CHECK(scope.groups.at("other").size() == 1);
  });
}

TEST_CASE("a remote pid that is in a group is one that can be called and monitored") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  groups(t.b.system).join("echoes", t.b.system.spawn(echo));
  REQUIRE(comes_to_have(t.a, "echoes", 1));
  t.a.system.run([&](context self) -> task<> {
    const pid there = groups(t.a.system).members("echoes").at(0);
    CHECK(co_await self.call(there, ask{1}) == 2);
    (void)self.monitor(there);
    self.send(there, die{"normal"});
    CHECK((co_await self.receive<troupe::down>()).from == there);
  });
  CHECK(comes_to_have(t.a, "echoes", 0));
}

TEST_CASE("scopes of different names are separate on every node") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  member_on(t.a, "room", "chat");
  member_on(t.b, "room", "chat");
  member_on(t.b, "room", "work");
  member_on(t.a, "desk", "work");
  REQUIRE(comes_to_have(t.a, "room", 2, "chat"));
  REQUIRE(comes_to_have(t.b, "desk", 1, "work"));
  REQUIRE(comes_to_have(t.a, "room", 1, "work"));
  CHECK(groups(t.a.system).which_groups().empty());
  CHECK(groups(t.b.system, "chat").members("desk").empty());
}

TEST_CASE("a node that comes to use a scope late learns its members and is heard") {
  two_nodes t;
  member_on(t.a, "room", "chat");
  t.a.node->connect(t.b.name());
  t.b.system.spawn_with({.name = "echo"}, echo);
  CHECK(t.a.system.call({"echo", t.b.name()}, ask{1}) == 2);
  member_on(t.a, "room", "chat");
  member_on(t.b, "room", "chat");
  CHECK(comes_to_have(t.b, "room", 3, "chat"));
  CHECK(comes_to_have(t.a, "room", 3, "chat"));
}

TEST_CASE("a node that does not use groups takes no notice of those that do") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  member_on(t.a, "room");
  t.a.node->connect(t.b.name());
  for (int i = 0; i < 50; ++i) member_on(t.a, "room");
  CHECK(t.a.system.call({"echo", t.b.name()}, ask{1}) == 2);
  CHECK(t.b.system.counts().processes == 1);
  CHECK(t.b.log->text().find("dropped") == std::string::npos);
}

TEST_CASE("the members of a node leave when the connection is lost and join again with it") {
  two_nodes t;
  t.a.node->connect(t.b.name());
  t.a.system.run([&](context self) -> task<> {
    const groups here(t.a.system);
    here.monitor_scope(self);
    for (int i = 0; i < 3; ++i) member_on(t.b, "room");
    const pids remote = co_await next_joined(self, 3);
    t.b.node->disconnect(t.a.name());
    const auto gone = co_await self.receive<groups::left>();
    CHECK(gone.group == "room");
    CHECK(gone.processes == remote);
    CHECK(here.members("room").empty());
    member_on(t.b, "room");
    co_await t.a.node->connect(self, t.b.name());
    CHECK((co_await next_joined(self, 4)).size() == 4);
    CHECK(here.members("room").size() == 4);
  });
}

TEST_CASE("a node that comes back as another incarnation starts with no members") {
  test_node a{{}, "a"};
  auto b = std::make_unique<test_node>(troupe::net::node_options{}, "b");
  const std::string b_name = b->name();
  member_on(*b, "room");
  const pid stays = member_on(a, "room");
  a.node->connect(b_name);
  REQUIRE(comes_to_have(a, "room", 2));
  b = nullptr;
  REQUIRE(comes_to_have(a, "room", 1));
  b = std::make_unique<test_node>(troupe::net::node_options{.name = b_name}, "b");
  member_on(*b, "other");
  a.node->connect(b_name);
  REQUIRE(comes_to_have(a, "other", 1));
  REQUIRE(comes_to_have(*b, "room", 1));
  CHECK(groups(a.system).members("room") == pids{stays});
}

TEST_CASE("a system whose node has ended keeps its own members only") {
  two_nodes t;
  const pid stays = member_on(t.a, "room");
  member_on(t.b, "room");
  t.a.node->connect(t.b.name());
  REQUIRE(comes_to_have(t.a, "room", 2));
  const std::string name = t.a.name();
  t.a.system.run([&](context self) -> task<> {
    const groups here(t.a.system);
    here.monitor_scope(self);
    co_await self.blocking([&] { t.a.node = nullptr; });
    CHECK(here.members("room") == pids{stays});
    CHECK(co_await next_change(self) == "-room1");
  });
  CHECK(comes_to_have(t.b, "room", 1));
  t.a.node = std::make_unique<troupe::net::node>(
      t.a.system, troupe::net::node_options{
                      .name = name, .cookie = test_cookie, .carrier = t.a.lives.carrier()});
  t.a.node->connect(t.b.name());
  CHECK(comes_to_have(t.a, "room", 2));
  CHECK(comes_to_have(t.b, "room", 2));
}

TEST_CASE("what shares a scope is restarted when it is killed and tells and asks anew") {
  two_nodes t;
  const pid stays = share_a_room(t);
  const pid killed = t.a.system.whereis("troupe.groups:pg");
  t.a.system.run([&](context self) -> task<> {
    const groups here(t.a.system);
    here.monitor_scope(self);
    self.exit(killed, troupe::exit_reason::kill);
    CHECK(co_await next_change(self) == "-room1");
    CHECK(co_await next_change(self) == "+room1");
  });
  CHECK(t.a.system.whereis("troupe.groups:pg") != killed);
  groups(t.a.system).leave("room", stays);
  CHECK(comes_to_have(t.b, "room", 1));
  member_on(t.b, "room");
  CHECK(comes_to_have(t.a, "room", 2));
}

TEST_CASE("a hidden node shares no groups") {
  test_node a{{}, "a"};
  test_node hidden{{.hidden = true}, "hidden"};
  test_node b{{}, "b"};
  hidden.node->connect(a.name());
  for (test_node* n : {&a, &hidden, &b}) member_on(*n, "room");
  a.system.spawn_with({.name = "echo"}, echo);
  CHECK(hidden.system.call({"echo", a.name()}, ask{1}) == 2);
  b.node->connect(a.name());
  REQUIRE(comes_to_have(a, "room", 2));
  REQUIRE(comes_to_have(b, "room", 2));
  CHECK(groups(hidden.system).members("room").size() == 1);
}

TEST_CASE("groups larger than a message are shared in pieces and each change arrives once") {
  test_node a{{.max_message_bytes = 10'000}, "a"};
  test_node b{{.max_message_bytes = 10'000}, "b"};
  const groups there(b.system);
  const pid one = b.system.spawn(waits_for_its_end), two = b.system.spawn(waits_for_its_end);
  constexpr std::size_t times = 1'000;
  there.join("large", pids(times, one));
  for (std::size_t i = 0; i < times; ++i) there.join("small" + std::to_string(i), two);
  a.node->connect(b.name());
  REQUIRE(comes_to_have(a, "large", times));
  const groups here(a.system);
  REQUIRE(comes_true([&] { return here.which_groups().size() == times + 1; }));
  there.join("large", pids(times, two));
  REQUIRE(comes_to_have(a, "large", 2 * times));
  there.leave("large", pids(times, one));
  REQUIRE(comes_to_have(a, "large", times));
  for (const pid p : here.members("large")) REQUIRE(p.id == two.id);
  b.system.send(two, die{});
  REQUIRE(comes_true([&] { return here.which_groups().empty(); }));
  CHECK(a.log->text().find("dropped") == std::string::npos);
}

TEST_CASE("many nodes come to see the same members") {
  std::vector<std::unique_ptr<test_node>> nodes;
  for (int i = 0; i < 5; ++i) {
    nodes.push_back(
        std::make_unique<test_node>(troupe::net::node_options{}, "n" + std::to_string(i)));
    member_on(*nodes.back(), "room");
    for (const auto& other : nodes)
      if (other != nodes.back()) nodes.back()->node->connect(other->name());
    member_on(*nodes.back(), "room");
  }
  for (const auto& n : nodes) CHECK(comes_to_have(*n, "room", 2 * nodes.size()));
}
