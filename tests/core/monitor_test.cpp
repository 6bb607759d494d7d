// Monitors. (Erlang Reference Manual, "Processes: Monitors"; erlang:monitor/2, demonitor/2.)
#include "core/support.hpp"
#include "process/relations.hpp"

#include <map>

using namespace troupe_test;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::monitor_ref;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

task<bool> another_down(context self) {
  co_return (co_await self.receive_within<down>(0ms)).has_value();
}

task<pid> dead_process(context self) {
  const pid gone = self.spawn([](context) -> process { co_return; });
  (void)co_await end_of(self, gone);
  co_return gone;
}

}  // namespace

TEST_CASE(
    "a monitor tells the reference, the process and its reason, and does not end the watcher") {
  checked_system sys;
  const exit_reason reasons[] = {exit_reason::normal, exit_reason::shutdown, exit_reason::of(1),
                                 exit_reason::error("std::runtime_error", "broken")};
  for (const exit_reason& reason : reasons) {
    INFO(to_string(reason));
    sys->run([&](context self) -> task<> {
      const pid target = self.spawn(
          [](context me, exit_reason with) -> process {
            co_await me.receive([](troupe::request<are_you_there> r) { r.reply(); });
            me.exit(with);
          },
          reason);
      const monitor_ref ref = self.monitor(target);
      co_await self.call(target, are_you_there{});
      const down d = co_await self.receive<down>();
      CHECK(d.ref == ref);
      CHECK(d.from == target);
      CHECK(d.reason == reason);
      CHECK(!co_await another_down(self));
    });
  }
}

TEST_CASE("a monitor on a dead process, or on none, yields one down with noproc") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    for (const pid target : {co_await dead_process(self), pid{}}) {
      const monitor_ref ref = self.monitor(target);
      const down d = co_await self.receive<down>();
      CHECK(d.ref == ref);
      CHECK(d.from == target);
      CHECK(d.reason == exit_reason::noproc);
      CHECK(!co_await another_down(self));
    }
  });
}

TEST_CASE("several monitors of one process yield one down each") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid target = self.spawn(idler);
    std::map<monitor_ref, int> downs;
    for (int i = 0; i < 5; ++i) CHECK(downs.emplace(self.monitor(target), 0).second);
    CHECK(self.system().counts().monitors == 5);
    self.exit(target, exit_reason::kill);
    for (int i = 0; i < 5; ++i) ++downs.at((co_await self.receive<down>()).ref);
    for (const auto& [ref, times] : downs) CHECK(times == 1);
    CHECK(!co_await another_down(self));
    CHECK(self.system().counts().monitors == 0);
  });
}

TEST_CASE("a monitor of oneself yields nothing") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.demonitor(self.monitor(self));
    (void)self.monitor(self);
    CHECK(self.system().counts().monitors == 0);
    CHECK(!co_await another_down(self));
  });
}

TEST_CASE("after demonitor no down of that monitor is seen, whether it was there or on its way") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    // It was there, behind and before others.
    const pid target = self.spawn(idler);
    const monitor_ref first = self.monitor(target), second = self.monitor(target),
                      third = self.monitor(target);
    self.exit(target, exit_reason::kill);
    (void)co_await end_of(self, target);
    self.demonitor(second);
    CHECK((co_await self.receive<down>()).ref == first);
    CHECK((co_await self.receive<down>()).ref == third);
    CHECK(!co_await another_down(self));
    // On its way, or about to be sent.
    for (int i = 0; i < 2000; ++i) {
      const auto child = self.spawn_monitor(idler);
      self.exit(child.id, exit_reason::kill);
      for (int spin = 0; spin < i % 40; ++spin) (void)self.random();
      self.demonitor(child.ref);
      (void)co_await end_of(self, child.id);
      CHECK(!co_await another_down(self));
    }
  });
}

TEST_CASE("demonitor removes one monitor only, and what is no monitor any more is no error") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid target = self.spawn(idler);
    const monitor_ref kept = self.monitor(target), removed = self.monitor(target);
    self.demonitor(removed);
    self.demonitor(removed);
    self.demonitor(monitor_ref{});
    self.exit(target, exit_reason::kill);
    CHECK((co_await self.receive<down>()).ref == kept);
    self.demonitor(kept);
    CHECK(!co_await another_down(self));
  });
}

TEST_CASE("demonitor takes the last message of the mailbox without breaking the mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct mark {
      int value;
    };
    self.send(self, mark{1});
    const auto child = self.spawn_monitor([](context) -> process { co_return; });
    (void)co_await end_of(self, child.id);
    self.demonitor(child.ref);
    self.send(self, mark{2});
    CHECK((co_await self.receive<mark>()).value == 1);
    CHECK((co_await self.receive<mark>()).value == 2);
  });
}

TEST_CASE("a monitor by name watches the process that has the name when it is set") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid holder = self.spawn_with({.name = "holder"}, idler).id;
    const monitor_ref ref = self.monitor("holder");
    self.exit(holder, exit_reason::of(1));
    const down d = co_await self.receive<down>();
    CHECK(d.ref == ref);
    CHECK(d.from == holder);
    CHECK(d.reason == exit_reason::of(1));

    const monitor_ref none = self.monitor("holder");
    const down nobody = co_await self.receive<down>();
    CHECK(nobody.ref == none);
    CHECK(!nobody.from);
    CHECK(nobody.reason == exit_reason::noproc);
  });
}

TEST_CASE("spawn_monitor watches the process before it runs, and however soon it ends") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 2000; ++i) {
      const auto child = self.spawn_monitor([](context) -> process { co_return; });
      const down d = co_await self.receive<down>();
      CHECK(d.ref == child.ref);
      CHECK(d.reason == exit_reason::normal);  // never noproc
    }
  });
}

TEST_CASE("a monitor that is over leaves nothing behind, on neither side") {
  struct watchers {
    using reply = std::size_t;
  };
  checked_system sys;
  const pid target = sys->spawn([](context me) -> process {
    for (;;)
      co_await me.receive([](troupe::request<watchers> r) {
        r.reply(troupe::internal::ties_of(*troupe::internal::running.slot).watchers.size());
      });
  });
  sys->run([&](context self) -> task<> {
    std::vector<monitor_ref> refs;
    for (int i = 0; i < 100; ++i) refs.push_back(self.monitor(target));
    CHECK(co_await self.call(target, watchers{}) == 100);
    for (int i = 0; i < 50; ++i) self.demonitor(refs[static_cast<std::size_t>(i)]);
    CHECK(co_await self.call(target, watchers{}) == 50);
  });
  sys.await_counts({.processes = 1});
  CHECK(sys->call(target, watchers{}) == 0);  // the watcher has ended
}

TEST_CASE("monitors that are set while their target ends yield one down each, from many watchers") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    struct tally {
      int downs, others;
    };
    for (int round = 0; round < 50; ++round) {
      const pid target = self.spawn(idler);
      constexpr int watchers = 20, monitors = 10;
      for (int w = 0; w < watchers; ++w)
        self.spawn(
            [target](context me, pid report) -> process {
              tally seen{0, 0};
              std::map<monitor_ref, int> downs;
              for (int m = 0; m < monitors; ++m) downs.emplace(me.monitor(target), 0);
              for (int m = 0; m < monitors; ++m) {
                const down d = co_await me.receive<down>();
                if (++downs[d.ref] == 1 &&
                    (d.reason == exit_reason::of(1) || d.reason == exit_reason::noproc))
                  ++seen.downs;
                else
                  ++seen.others;
              }
              if (co_await another_down(me)) ++seen.others;
              me.send(report, seen);
            },
            self.id());
      self.exit(target, exit_reason::of(1));
      for (int w = 0; w < watchers; ++w) {
        const tally seen = co_await self.receive<tally>();
        CHECK(seen.downs == monitors);
        CHECK(seen.others == 0);
      }
    }
    CHECK(self.system().counts().monitors == 0);
  });
}

TEST_CASE("a watcher that is ended by the process it watches leaves nothing") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 500; ++i) {
      const pid watcher = self.spawn([](context me) -> process {
        me.spawn_monitor([](context killer) -> process {
          killer.exit(killer.parent(), exit_reason::of(1));
          co_return;
        });
        for (;;) co_await me.receive([](troupe::message) {});
      });
      const exit_reason why = co_await end_of(self, watcher);
      CHECK((why == exit_reason::of(1) || why == exit_reason::noproc));
    }
  });
  sys.await_counts({});
}

TEST_CASE("only the process that set a monitor can take it away") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto other = self.spawn_monitor(
        [](context me) -> process { me.demonitor(co_await me.receive<monitor_ref>()); });
    const monitor_ref mine = self.monitor(other.id);
    self.send(other.id, mine);
    CHECK((co_await self.receive<down>([&](const down& d) { return d.ref == mine; })).reason ==
          exit_reason::normal);
    CHECK((co_await self.receive<down>()).ref == other.ref);
  });
}

TEST_CASE("monitors that are set and taken back at random leave nothing when all have ended") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    std::vector<pid> all;
    for (int i = 0; i < 20; ++i) all.push_back(self.spawn(idler));
    std::vector<troupe::monitored> watchers;
    for (int i = 0; i < 20; ++i)
      watchers.push_back(self.spawn_monitor(
          [](context me, std::vector<pid> targets) -> process {
            std::vector<monitor_ref> set;
            std::size_t downs = 0;
            for (int step = 0; step < 200; ++step) {
              const std::uint64_t chance = me.random();
              if (chance % 3 != 0 || set.empty()) {
                set.push_back(me.monitor(targets[chance / 3 % targets.size()]));
              } else {
                me.demonitor(set.back());
                set.pop_back();
              }
            }
            for (; downs < set.size(); ++downs) (void)co_await me.receive<down>();
            if (co_await another_down(me)) me.exit(exit_reason::of(1));
          },
          all));
    for (const pid target : all) self.exit(target, exit_reason::kill);
    for (std::size_t i = 0; i < watchers.size(); ++i)
      CHECK((co_await self.receive<down>()).reason == exit_reason::normal);
  });
  sys.await_counts({});
}
