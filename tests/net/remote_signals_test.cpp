// Links, monitors and exit signals between nodes: the same tables as on one node.
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;

namespace {

struct cell {
  std::string sent;    // what the process on the other node ends with, or is sent as
  exit_reason reason;  // the same as a reason
  bool trapping;
  bool ends;              // whether the receiver ends by it
  exit_reason ends_with;  // if it does
};

const exit_reason boom = exit_reason::error("std::runtime_error", "boom");

// A process on this node that is linked to one on another, and lives on until it is told to stop.
struct report_exit {
  troupe::pid from;
  exit_reason reason;
};
struct linked_now {};

troupe::process linked_process(context self, pid peer, pid observer, bool trapping) {
  self.trap_exits(trapping);
  self.link(peer);
  // When this is answered, the link before it has arrived.
  (void)co_await self.call(peer, name_yourself{});
  self.send(observer, linked_now{});
  for (;;)
    co_await self.receive(
        [&](troupe::exit_signal e) { self.send(observer, report_exit{e.from, e.reason}); },
        [&](troupe::request<ask> r) { r.reply(r->value + 1); });
}

}  // namespace

TEST_CASE("a link between nodes treats each exit reason as a local one does") {
  const std::vector<cell> table = {
      {"normal", exit_reason::normal, false, false, {}},
      {"normal", exit_reason::normal, true, false, {}},
      {"shutdown", exit_reason::shutdown, false, true, exit_reason::shutdown},
      {"shutdown", exit_reason::shutdown, true, false, {}},
      {"boom", boom, false, true, boom},
      {"boom", boom, true, false, {}},
  };
  two_nodes t;
  for (const cell& c : table) {
    INFO(c.sent << (c.trapping ? ", trapping" : ", not trapping"));
    const pid there_itself = t.b.system.spawn_with({.name = "echo"}, echo);
    t.a.system.run([&](context self) -> task<> {
      const pid there = co_await pid_of(self, "echo", t.b.name());
      const auto [here, ref] = self.spawn_monitor(linked_process, there, self.id(), c.trapping);
      (void)co_await self.receive<linked_now>();
      self.send(there, die{c.sent});
      if (c.ends) {
        const auto down = co_await self.receive<troupe::down>();
        CHECK(down.reason == c.ends_with);
      } else {
        if (c.trapping) {
          const auto told = co_await self.receive<report_exit>();
          CHECK(told.from == there);
          CHECK(told.reason == c.reason);
        } else {
          // The exit has passed through when a monitor on the dead process is answered.
          const auto gone = self.monitor(there);
          (void)co_await self.receive<troupe::down>(
              [gone](const troupe::down& d) { return d.ref == gone; });
        }
        CHECK(co_await self.call(here, ask{1}) == 2);
        self.exit(here, exit_reason::kill);
        (void)co_await self.receive<troupe::down>(
            [r = ref](const troupe::down& d) { return d.ref == r; });
      }
    });
    t.b.system.run([&](context self) -> task<> {
      const auto ref = self.monitor(there_itself);
      (void)co_await self.receive<troupe::down>(
          [ref](const troupe::down& d) { return d.ref == ref; });
    });
  }
  CHECK(t.a.comes_to_rest());
  CHECK(t.b.comes_to_rest());
}

TEST_CASE("exit sent to a process of another node: kill cannot be trapped and becomes killed") {
  two_nodes t;
  struct cell {
    exit_reason sent;
    bool trapping;
    bool ends;
    exit_reason as;
  };
  const std::vector<cell> table = {
      {exit_reason::kill, true, true, exit_reason::killed},
      {exit_reason::kill, false, true, exit_reason::killed},
      {exit_reason::shutdown, false, true, exit_reason::shutdown},
      {exit_reason::shutdown, true, false, exit_reason::shutdown},
      {exit_reason::normal, false, false, exit_reason::normal},
      {exit_reason::normal, true, false, exit_reason::normal},
  };
  for (const auto& c : table) {
    INFO(to_string(c.sent) << (c.trapping ? ", trapping" : ", not trapping"));
    t.b.system.spawn_with({.name = "target"}, [&c](context self) -> troupe::process {
      self.trap_exits(c.trapping);
      for (;;)
        co_await self.receive([&](troupe::request<name_yourself> r) { r.reply(self.id()); },
                              [](troupe::exit_signal) {});
    });
    t.a.system.run([&](context self) -> task<> {
      const pid target = co_await pid_of(self, "target", t.b.name());
      const auto ref = self.monitor(target);
      self.exit(target, c.sent);
      if (!c.ends) {
        CHECK(co_await self.call(target, name_yourself{}) == target);
        self.exit(target, exit_reason::kill);
      }
      const auto down = co_await self.receive<troupe::down>();
      CHECK(down.ref == ref);
      CHECK(down.reason == (c.ends ? c.as : exit_reason::killed));
    });
  }
}

TEST_CASE("a link to a dead process of another node is an exit signal with noproc") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    const pid there = co_await pid_of(self, "echo", t.b.name());
    const auto ref = self.monitor(there);
    self.exit(there, exit_reason::kill);
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::killed);
    self.trap_exits(true);
    self.link(there);
    const auto exit = co_await self.receive<troupe::exit_signal>();
    CHECK(exit.from == there);
    CHECK(exit.reason == exit_reason::noproc);
  });
  CHECK(t.a.comes_to_rest());
}

TEST_CASE("N monitors on a process of another node yield N downs, and each only one") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    const pid there = co_await pid_of(self, "echo", t.b.name());
    std::vector<troupe::monitor_ref> refs;
    for (int i = 0; i < 10; ++i) refs.push_back(self.monitor(there));
    const auto by_name = self.monitor({"echo", t.b.name()});
    const auto unwanted = self.monitor(there);
    self.demonitor(unwanted);
    self.send(there, die{"boom"});
    std::vector<troupe::monitor_ref> told;
    for (int i = 0; i < 11; ++i) {
      const auto down = co_await self.receive<troupe::down>();
      CHECK(down.reason == boom);
      told.push_back(down.ref);
    }
    refs.push_back(by_name);
    std::sort(told.begin(), told.end());
    CHECK(told == refs);
    // Another round trip: nothing more comes.
    (void)co_await self.try_call({"echo", t.b.name()}, ask{1});
    CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
  });
  CHECK(t.a.comes_to_rest());
  CHECK(t.b.comes_to_rest());
}

TEST_CASE("a monitor by a name that nobody has on another node is noproc at once") {
  two_nodes t;
  t.a.system.run([&](context self) -> task<> {
    const auto ref = self.monitor({"nobody", t.b.name()});
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::noproc);
    auto answer = co_await self.try_call({"nobody", t.b.name()}, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == exit_reason::noproc);
  });
}

TEST_CASE("after unlink returned, no exit signal of the process on the other node arrives") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid there = co_await pid_of(self, "echo", t.b.name());
    for (int i = 0; i < 100; ++i) {
      self.link(there);
      self.unlink(there);
    }
    const auto ref = self.monitor(there);
    self.send(there, die{"boom"});
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
  });
  CHECK(t.a.comes_to_rest());
  CHECK(t.b.comes_to_rest());
}

TEST_CASE("a link made again right after an unlink holds") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid there = co_await pid_of(self, "echo", t.b.name());
    self.link(there);
    self.unlink(there);
    self.link(there);
    self.send(there, die{"boom"});
    const auto exit = co_await self.receive<troupe::exit_signal>();
    CHECK(exit.from == there);
    CHECK(exit.reason == boom);
  });
  CHECK(t.a.comes_to_rest());
  CHECK(t.b.comes_to_rest());
}

TEST_CASE("a down never overtakes a message that the dead process sent before") {
  two_nodes t;
  for (int round = 0; round < 30; ++round) {
    t.a.system.run([&](context self) -> task<> {
      self.register_as("watcher");
      pid worker;
      t.b.system.spawn([&t](context there) -> troupe::process {
        there.send({"watcher", t.a.name()}, there.id());
        (void)co_await there.receive<die>();
        for (int i = 0; i < 50; ++i) there.send({"watcher", t.a.name()}, number{i});
        throw std::runtime_error("boom");
      });
      worker = co_await self.receive<pid>();
      const auto ref = self.monitor(worker);
      self.send(worker, die{});
      int seen = 0;
      for (bool over = false; !over;)
        over = co_await self.receive([&](number n) { return seen++, n.value < 0; },
                                     [&](troupe::down d) { return d.ref == ref; });
      CHECK(seen == 50);
    });
  }
}

TEST_CASE("a lost connection is noconnection for links, monitors and calls, once each") {
  two_nodes t;
  t.b.system.spawn_with({.name = "echo"}, echo);
  t.b.system.spawn_with({.name = "silent"}, [](context self) -> troupe::process {
    std::vector<troupe::request<ask>> kept;
    for (;;)
      co_await self.receive([&](troupe::request<name_yourself> r) { r.reply(self.id()); },
                            [&](troupe::request<ask> r) { kept.push_back(std::move(r)); });
  });
  t.a.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid echo_there = co_await pid_of(self, "echo", t.b.name());
    const pid silent = co_await pid_of(self, "silent", t.b.name());
    self.link(echo_there);
    const auto ref = self.monitor(echo_there);
    auto call = self.send_request(silent, ask{1}, troupe::infinity);
    (void)co_await pid_of(self, "silent", t.b.name());
    t.a.node->disconnect(t.b.name());
    const auto exit = co_await self.receive<troupe::exit_signal>();
    CHECK(exit.from == echo_there);
    CHECK(exit.reason == exit_reason::noconnection);
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.from == echo_there);
    CHECK(down.reason == exit_reason::noconnection);
    auto answer = co_await call;
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == exit_reason::noconnection);
    // The process that was not linked lives on, and is reached again by the pid of before.
    CHECK(co_await self.call(silent, name_yourself{}) == silent);
    CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
    CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
  });
  CHECK(t.a.comes_to_rest());
  CHECK(t.b.comes_to_rest(1));
}

TEST_CASE("a caller is told when the process on the other node ends in its call") {
  two_nodes t;
  t.b.system.spawn_with({.name = "fragile"}, [](context self) -> troupe::process {
    co_await self.receive([](troupe::request<ask> r) {
      if (r->value == 1) throw std::runtime_error("boom");
    });
  });
  t.a.system.run([&](context self) -> task<> {
    auto answer = co_await self.try_call({"fragile", t.b.name()}, ask{1});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.reason() == boom);
  });
}

TEST_CASE("an exit reason of the program's own crosses with its value") {
  struct quota {
    int used;
    bool operator==(const quota&) const = default;
  };
  two_nodes t;
  t.b.system.spawn_with({.name = "ends"}, [](context self) -> troupe::process {
    (void)co_await self.receive<die>();
    self.exit(exit_reason::of(quota{17}));
  });
  t.a.system.run([&](context self) -> task<> {
    // A receiver that mentions the type can decode it.
    (void)co_await self.receive_within<quota>(0ns);
    const auto ref = self.monitor({"ends", t.b.name()});
    self.send({"ends", t.b.name()}, die{});
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    REQUIRE(down.reason.get_if<quota>() != nullptr);
    CHECK(down.reason.get_if<quota>()->used == 17);
    CHECK(down.reason == exit_reason::of(quota{17}));
  });
}
