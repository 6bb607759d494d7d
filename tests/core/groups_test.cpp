// Groups of processes. (OTP: pg.)
#include <troupe/groups.hpp>

#include "core/support.hpp"

#include <algorithm>

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::groups;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

using pids = std::vector<pid>;
using names = std::vector<std::string>;

struct hit {
  int by;
};

names sorted(names n) {
  std::ranges::sort(n);
  return n;
}

// What a monitor tells next: `+` for joined, `-` for left, and how many processes.
task<std::string> next_change(context self) {
  std::string told;
  co_await self.receive(
      [&](const groups::joined& j) { told = '+' + j.group + std::to_string(j.processes.size()); },
      [&](const groups::left& l) { told = '-' + l.group + std::to_string(l.processes.size()); });
  co_return told;
}

task<bool> nothing_told(context self) {
  co_return !co_await self.receive_within<groups::joined>(0ns) &&
      !co_await self.receive_within<groups::left>(0ns);
}

TEST_CASE("a process that joins is a member until it leaves") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    CHECK(all.members("workers").empty());
    all.join("workers", self);
    CHECK(all.members("workers") == pids{self});
    CHECK(all.local_members("workers") == pids{self});
    CHECK(all.leave("workers", self));
    CHECK(all.members("workers").empty());
    co_return;
  });
}

TEST_CASE("any process may be joined by another one and by a thread") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("workers", a);
  sys->run([&](context) -> task<> {
    all.join("workers", b);
    co_return;
  });
  CHECK(all.members("workers") == pids{a, b});
  CHECK(all.leave("workers", a));
  CHECK(all.members("workers") == pids{b});
}

TEST_CASE("a process that joins twice is a member twice and leaves twice") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    all.join("workers", self);
    all.join("workers", self);
    CHECK(all.members("workers") == pids{self, self});
    CHECK(all.leave("workers", self));
    CHECK(all.members("workers") == pids{self});
    CHECK(all.leave("workers", self));
    CHECK_FALSE(all.leave("workers", self));
    co_return;
  });
}

TEST_CASE("several join and leave at once in the order in which they are named") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler), c = sys->spawn(idler);
  all.join("workers", {a, b, a});
  CHECK(all.members("workers") == pids{a, b, a});
  CHECK(all.leave("workers", {a, c}));
  CHECK(all.members("workers") == pids{b, a});
  CHECK_FALSE(all.leave("workers", {c}));
  CHECK(all.leave("workers", {a, a, b}));
  CHECK(all.members("workers").empty());
}

TEST_CASE("who is no member does not leave and changes nothing") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("workers", a);
  CHECK_FALSE(all.leave("workers", b));
  CHECK_FALSE(all.leave("others", a));
  CHECK(all.members("workers") == pids{a});
}

TEST_CASE("a group exists while it has members") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler);
  CHECK(all.which_groups().empty());
  for (const char* group : {"b", "a", "c"}) all.join(group, a);
  CHECK(sorted(all.which_groups()) == names{"a", "b", "c"});
  all.leave("b", a);
  CHECK(sorted(all.which_local_groups()) == names{"a", "c"});
  sys->exit(a, exit_reason::kill);
  CHECK(comes_true([&] { return all.which_groups().empty(); }));
}

TEST_CASE("a member that ends has left before its end is seen by link or monitor or call") {
  checked_system sys({.workers = 4});
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 600; ++i) {
      const bool linked = i % 3 == 0, watched = i % 3 == 1;
      const pid member =
          self.spawn_with({.link = linked, .monitor = watched},
                          [](context me) -> process {
                            auto held = co_await me.receive<troupe::request<are_you_there>>();
                          })
              .id;
      all.join("workers", member);
      auto unanswered = self.send_request(member, are_you_there{}, troupe::infinity);
      if (linked)
        (void)co_await self.receive<troupe::exit_signal>();
      else if (watched)
        (void)co_await self.receive<troupe::down>();
      else
        CHECK(!co_await unanswered);
      CHECK(all.members("workers").empty());
    }
  });
}

TEST_CASE("a member that ends leaves all its groups however often it joined") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("one", {a, b, a});
  all.join("two", a);
  sys->run([&](context self) -> task<> {
    self.exit(a, exit_reason::kill);
    (void)co_await end_of(self, a);
    CHECK(all.members("one") == pids{b});
    CHECK(all.members("two").empty());
  });
}

TEST_CASE("a process that has ended cannot join and nobody is told") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const pid gone = self.spawn([](context) -> process { co_return; });
    (void)co_await end_of(self, gone);
    all.monitor_scope(self);
    all.join("workers", gone);
    all.join("workers", {gone, self.id(), gone});
    CHECK(all.members("workers") == pids{self});
    CHECK(co_await next_change(self) == "+workers1");
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("a member that is joined while it ends is not left behind") {
  checked_system sys({.workers = 4});
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < 300; ++i) {
      const auto m =
          self.spawn_with({.monitor = true}, [](context me) -> process { co_await me.yield(); });
      if (i % 2 == 0) co_await self.yield();
      all.join("workers", m.id);
      all.join("workers", m.id);
      (void)co_await self.receive<troupe::down>();
      CHECK(all.members("workers").empty());
    }
  });
}

// A thread joins it while it runs for the last time: it never takes that up.
TEST_CASE("a process that is joined in its last turn has left before its down", "[threads]") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    all.monitor_scope(self);
    (void)self.spawn_monitor([&](context me) -> process {
      std::thread([&, id = me.id()] { all.join("workers", id); }).join();
      co_return;
    });
    std::string told;
    for (int i = 0; i < 3; ++i)
      co_await self.receive([&](const groups::joined&) { told += '+'; },
                            [&](const groups::left&) { told += '-'; },
                            [&](const troupe::down&) { told += '!'; });
    CHECK(told == "+-!");
  });
}

TEST_CASE("a process of another node is refused with a text that says where it joins") {
  checked_system sys;
  const groups all(*sys);
  const pid remote{3, (std::uint64_t{1} << 32) | 7};
  CHECK_THROWS_WITH(all.join("workers", remote), matchers::ContainsSubstring("of another node"));
  CHECK_THROWS_WITH(all.leave("workers", remote), matchers::ContainsSubstring("of another node"));
  CHECK_THROWS_WITH(all.join("workers", pid{}), matchers::ContainsSubstring("no pid"));
  CHECK(all.which_groups().empty());
}

TEST_CASE("members of other nodes are told of and all leave with their node in one event") {
  checked_system sys;
  const groups all(*sys);
  const troupe::internal::remote_members others(*sys, "pg");
  const pid one{3, (std::uint64_t{1} << 32) | 7}, two{3, (std::uint64_t{1} << 32) | 8};
  const pid elsewhere{4, (std::uint64_t{1} << 32) | 7}, here = sys->spawn(idler);
  all.join("workers", here);
  sys->run([&](context self) -> task<> {
    all.monitor(self, "workers");
    others.join("workers", {one, two, one});
    others.join("workers", {elsewhere});
    others.join("others", {one});
    CHECK((co_await self.receive<groups::joined>()).processes == pids{one, two, one});
    CHECK((co_await self.receive<groups::joined>()).processes == pids{elsewhere});
    CHECK(all.members("workers") == pids{here, one, two, one, elsewhere});
    CHECK(all.local_members("workers") == pids{here});
    CHECK(all.which_local_groups() == names{"workers"});
    others.leave("workers", {two, two});
    CHECK((co_await self.receive<groups::left>()).processes == pids{two});
    others.leave_all(3);
    CHECK((co_await self.receive<groups::left>()).processes == pids{one, one});
    CHECK(all.members("workers") == pids{here, elsewhere});
    CHECK(all.which_groups() == names{"workers"});
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("what is sent to a group reaches each member as often as it joined") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const pid a = self.spawn(
        [](context me, pid report) -> process {
          me.send(report, hit{10 * (co_await me.receive<hit>()).by});
        },
        self.id());
    all.join("workers", {self.id(), a, self.id()});
    CHECK(all.send("workers", hit{3}) == 3);
    CHECK(all.send("nobody", hit{4}) == 0);
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += (co_await self.receive<hit>()).by;
    CHECK(sum == 36);
    CHECK_FALSE(co_await self.receive_within<hit>(0ns));
  });
}

TEST_CASE("scopes know nothing of each other and are the same for all who name them") {
  checked_system sys;
  const groups pg(*sys), chat(*sys, "chat"), again(*sys, "chat"), named(*sys, "pg");
  const pid a = sys->spawn(idler);
  chat.join("room", a);
  CHECK(pg.members("room").empty());
  CHECK(again.members("room") == pids{a});
  pg.join("room", {a, a});
  CHECK(named.members("room") == pids{a, a});
  CHECK(chat.members("room") == pids{a});
}

TEST_CASE("two systems have groups of their own") {
  checked_system sys, other;
  const groups here(*sys), there(*other);
  here.join("room", sys->spawn(idler));
  CHECK(there.which_groups().empty());
  other->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(here.monitor(self, "room"), matchers::ContainsSubstring("another system"));
    co_return;
  });
}

TEST_CASE("a monitor gives the members there are and then tells each change") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("workers", a);
  sys->run([&](context self) -> task<> {
    const auto begun = all.monitor(self, "workers");
    CHECK(begun.members == pids{a});
    all.join("workers", {b, a});
    all.join("others", b);
    all.leave("workers", a);
    const auto joined = co_await self.receive<groups::joined>();
    CHECK(joined.ref == begun.ref);
    CHECK(joined.group == "workers");
    CHECK(joined.processes == pids{b, a});
    const auto left = co_await self.receive<groups::left>();
    CHECK(left.ref == begun.ref);
    CHECK(left.group == "workers");
    CHECK(left.processes == pids{a});
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("a monitor of a scope gives its groups and tells changes of all of them") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("one", {a, b});
  all.join("two", b);
  sys->run([&](context self) -> task<> {
    const auto begun = all.monitor_scope(self);
    CHECK(begun.groups.size() == 2);
    CHECK(begun.groups.at("one") == pids{a, b});
    CHECK(begun.groups.at("two") == pids{b});
    all.join("three", a);
    all.leave("one", {a, b});
    CHECK(co_await next_change(self) == "+three1");
    CHECK(co_await next_change(self) == "-one2");
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("only those who left are told of") {
  checked_system sys;
  const groups all(*sys);
  const pid a = sys->spawn(idler), b = sys->spawn(idler);
  all.join("workers", a);
  sys->run([&](context self) -> task<> {
    all.monitor(self, "workers");
    CHECK_FALSE(all.leave("workers", b));
    CHECK(all.leave("workers", {b, a, a}));
    CHECK((co_await self.receive<groups::left>()).processes == pids{a});
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("a monitor is told that a member left before a down of it") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const auto m = self.spawn_with({.monitor = true}, idler);
    all.monitor(self, "workers");
    all.join("workers", {m.id, m.id});
    self.exit(m.id, exit_reason::kill);
    std::string told;
    for (int i = 0; i < 4; ++i)
      co_await self.receive([&](const groups::joined&) { told += '+'; },
                            [&](const groups::left&) { told += '-'; },
                            [&](const troupe::down&) { told += '!'; });
    CHECK(told == "+--!");
  });
}

TEST_CASE("what the one who joins sends afterwards comes after the change is told") {
  checked_system sys({.workers = 4});
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    all.monitor_scope(self);
    for (int i = 0; i < 200; ++i) {
      self.spawn(
          [&](context me, pid report) -> process {
            all.join("workers", me);
            me.send(report, hit{1});
            co_return;
          },
          self.id());
      std::string told;
      for (int k = 0; k < 3; ++k)
        co_await self.receive([&](const groups::joined&) { told += '+'; },
                              [&](const groups::left&) { told += '-'; }, [&](hit) { told += 'm'; });
      CHECK((told == "+m-"));
    }
  });
}

TEST_CASE("monitors of one group are several and end one by one") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const auto first = all.monitor(self, "workers").ref;
    const auto second = all.monitor(self, "workers").ref;
    const auto scope = all.monitor_scope(self).ref;
    CHECK(first != second);
    all.join("workers", self);
    for (int i = 0; i < 3; ++i) CHECK(co_await next_change(self) == "+workers1");
    CHECK(all.demonitor(self, first));
    CHECK(all.demonitor(self, scope));
    all.leave("workers", self);
    CHECK((co_await self.receive<groups::left>()).ref == second);
    CHECK(co_await nothing_told(self));
  });
}

TEST_CASE("nothing of a monitor is seen after it was taken back") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const auto ref = all.monitor(self, "workers").ref;
    all.join("workers", self);
    all.leave("workers", self);
    self.send(self, hit{1});
    CHECK(all.demonitor(self, ref));
    CHECK_FALSE(all.demonitor(self, ref));
    all.join("workers", self);
    CHECK(co_await nothing_told(self));
    CHECK((co_await self.receive<hit>()).by == 1);  // others' messages stay
  });
}

TEST_CASE("a monitor ends with its process") {
  checked_system sys;
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    const auto p = self.spawn_monitor([&](context me) -> process {
      all.monitor(me, "workers");
      all.monitor(me, "workers");
      all.monitor_scope(me);
      all.join("workers", me);
      co_return;
    });
    CHECK((co_await self.receive<troupe::down>()).from == p.id);
    const auto before = self.system().counts().messages_dropped;
    all.join("workers", self);
    CHECK(self.system().counts().messages_dropped == before);
  });
}

// A monitor that begins while others join sees each of them once: there, or told.
TEST_CASE("the members that a monitor gives and the changes that it tells are the whole story") {
  checked_system sys({.workers = 4});
  const groups all(*sys);
  sys->run([&](context self) -> task<> {
    constexpr int members = 60;
    for (int i = 0; i < members; ++i)
      self.spawn([&](context me) -> process {
        co_await me.yield();
        all.join("workers", me);
        co_await me.receive<hit>();
      });
    for (int i = 0; i < 10; ++i) co_await self.yield();
    const auto begun = all.monitor(self, "workers");
    pids seen = begun.members;
    while (seen.size() < members) {
      const auto j = co_await self.receive<groups::joined>();
      seen.insert(seen.end(), j.processes.begin(), j.processes.end());
    }
    std::ranges::sort(seen);
    CHECK(std::ranges::adjacent_find(seen) == seen.end());
    all.send("workers", hit{1});
    while (!seen.empty()) {
      const auto l = co_await self.receive<groups::left>();
      for (const pid p : l.processes) CHECK(std::erase(seen, p) == 1);
    }
    CHECK(all.members("workers").empty());
    CHECK(co_await nothing_told(self));
  });
}

// What one monitor is told, followed from the empty scope, is at the end what is there: nothing.
TEST_CASE("processes are joined and end while others read and nothing stale is left", "[threads]") {
  checked_system sys({.workers = 4});
  const groups all(*sys);
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> reads{0};
  std::vector<std::thread> others;
  for (int r = 0; r < 2; ++r)
    others.emplace_back([&] {
      while (!over) {
        pids now = all.members("all");
        ++reads;
        if (now.empty()) continue;
        all.join("more", now);  // some of them have ended by now
        all.leave("all", now.front());
      }
    });
  sys->run([&](context self) -> task<> {
    all.monitor_scope(self);
    std::int64_t balance = 0, told = 0;
    for (int round = 0; round < 200 || reads < 100; ++round) {
      for (int i = 0; i < 16; ++i) {
        const pid p = self.spawn_with(
                              {.monitor = true},
                              [&](context me, int n) -> process {
                                if (n % 3 == 0) co_return;
                                all.join("all", me);
                                if (n % 3 == 1) co_await me.yield();
                                if (n % 3 == 2) co_await me.receive<hit>();
                              },
                              i)
                          .id;
        all.join("all", {p, p});
        self.exit(p, exit_reason::kill);
      }
      for (int downs = 0; downs < 16;)
        co_await self.receive(
            [&](const groups::joined& j) {
              ++told;
              balance += static_cast<std::int64_t>(j.processes.size());
            },
            [&](const groups::left& l) {
              balance -= static_cast<std::int64_t>(l.processes.size());
            },
            [&](const troupe::down&) { ++downs; });
    }
    while (const auto l = co_await self.receive_within<groups::left>(0ns))
      balance -= static_cast<std::int64_t>(l->processes.size());
    while (const auto j = co_await self.receive_within<groups::joined>(0ns))
      balance += static_cast<std::int64_t>(j->processes.size());
    CHECK(balance == 0);
    CHECK(told > 0);
  });
  over = true;
  for (auto& t : others) t.join();
  CHECK(all.which_groups().empty());
}

}  // namespace
