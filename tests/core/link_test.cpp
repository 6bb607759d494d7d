// Links. (Erlang Reference Manual, "Processes: Links"; erlang:link/1, unlink/1.)
#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct link_to {
  pid peer;
};
struct unlink_from {
  pid peer;
};

// Links, unlinks and answers as it is told.
process linker(context self, bool traps) {
  self.trap_exits(traps);
  for (;;)
    co_await self.receive([&](link_to l) { self.link(l.peer); },
                          [&](unlink_from u) { self.unlink(u.peer); },
                          [](troupe::request<are_you_there> r) { r.reply(); });
}

task<pid> dead_process(context self) {
  const auto gone = self.spawn_monitor([](context) -> process { co_return; });
  (void)co_await self.receive<troupe::down>([&](const auto& d) { return d.ref == gone.ref; });
  co_return gone.id;
}

// Whether an exit signal that was trapped waits in the mailbox of the caller.
task<bool> trapped_one(context self) {
  co_return (co_await self.receive_within<exit_signal>(0ms)).has_value();
}

}  // namespace

TEST_CASE("a link ends either process when the other one fails, whoever set it") {
  checked_system sys;
  for (const bool setter_fails : {false, true}) {
    INFO("the one that fails has set the link: " << setter_fails);
    sys->run([&](context self) -> task<> {
      const pid setter = self.spawn(linker, false);
      const pid peer = self.spawn(linker, false);
      self.send(setter, link_to{peer});
      co_await self.call(setter, are_you_there{});
      (void)self.monitor(setter_fails ? peer : setter);
      self.exit(setter_fails ? setter : peer, exit_reason::of(1));
      CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(1));
    });
  }
}

TEST_CASE("a linked process that ends normally leaves the other one alone, and the link is gone") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    const pid child = self.spawn_link([](context) -> process { co_return; });
    (void)co_await end_of(self, child);
  });
  sys.await_counts({});
}

TEST_CASE("a link to a process that has ended, or to none, yields one exit signal with noproc") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    for (const pid target : {co_await dead_process(self), pid{}}) {
      const auto plain = self.spawn_monitor([target](context me) -> process {
        me.link(target);
        co_await me.sleep(1h);
      });
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.from == plain.id);
      CHECK(d.reason == exit_reason::noproc);

      self.trap_exits(true);
      self.link(target);
      const auto e = co_await self.receive<exit_signal>();
      CHECK(e.from == target);
      CHECK(e.reason == exit_reason::noproc);
      CHECK(!co_await trapped_one(self));
    }
  });
}

TEST_CASE("linking twice is linking once: one signal, and one unlink ends it") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid a = self.spawn_link(idler);
    self.link(a);
    self.link(a);
    CHECK(self.system().counts().links == 2);
    self.exit(a, exit_reason::of(1));
    CHECK((co_await self.receive<exit_signal>()).from == a);
    CHECK(!co_await trapped_one(self));

    const pid b = self.spawn_link(idler);
    self.link(b);
    self.unlink(b);
    self.exit(b, exit_reason::of(2));
    (void)co_await end_of(self, b);
    CHECK(!co_await trapped_one(self));
  });
}

TEST_CASE("when both link to each other, there is one link") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    const pid peer = self.spawn(linker, false);
    self.send(peer, link_to{self});
    self.link(peer);
    co_await self.call(peer, are_you_there{});
    CHECK(self.system().counts().links == 2);
    self.exit(peer, exit_reason::of(1));
    (void)co_await self.receive<exit_signal>();
    CHECK(!co_await trapped_one(self));
  });
}

TEST_CASE("a link to oneself is nothing") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    self.link(self);
    self.unlink(self);
    CHECK(self.system().counts().links == 0);
    CHECK(!co_await trapped_one(self));
  });
}

TEST_CASE("spawn_link has linked the process before it runs, and however soon it ends") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 2000; ++i) {
      const pid child = self.spawn_link([](context me) -> process {
        me.exit(exit_reason::of(1));
        co_return;
      });
      const auto e = co_await self.receive<exit_signal>();
      CHECK(e.from == child);
      CHECK(e.reason == exit_reason::of(1));  // never noproc
    }
  });
}

TEST_CASE("a process that spawns with a link and fails at once takes its child with it") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.spawn(
        [](context me, pid report) -> process {
          me.send(report, link_to{me.spawn_link(idler)});
          throw std::runtime_error("at once");
          co_return;
        },
        self.id());
    const auto child = co_await self.receive<link_to>();
    const exit_reason end = co_await end_of(self, child.peer);
    CHECK((end == exit_reason::noproc || end.text() == "at once"));
  });
}

TEST_CASE("nothing comes by a link that was removed, even if its signal is on its way") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 2000; ++i) {
      const pid child = self.spawn_link(idler);
      self.exit(child, exit_reason::of(1));
      for (int spin = 0; spin < i % 40; ++spin) (void)self.random();
      self.unlink(child);  // the child ends before, after, or at this very time
      (void)co_await end_of(self, child);
      CHECK(!co_await trapped_one(self));
    }
  });
}

TEST_CASE("an exit signal that was received before unlink stays in the mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const pid child = self.spawn_link([](context) -> process { co_return; });
    (void)co_await end_of(self, child);  // it tells its links first
    self.unlink(child);
    CHECK(co_await trapped_one(self));
  });
}

TEST_CASE("a link that was removed and set again works") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const pid peer = self.spawn(linker, true);
    for (int i = 0; i < 3; ++i) {
      self.link(peer);
      self.unlink(peer);
    }
    self.link(peer);  // the answers to the unlinks are still on their way
    co_await self.call(peer, are_you_there{});
    CHECK(self.system().counts().links == 2);
    self.exit(peer, exit_reason::kill);
    CHECK((co_await self.receive<exit_signal>()).reason == exit_reason::killed);
    CHECK(!co_await trapped_one(self));
  });
}

TEST_CASE("unlink works from the side that did not link, and on what is not linked") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid peer = self.spawn(linker, false);
    self.unlink(peer);
    self.unlink(pid{});
    self.unlink(co_await dead_process(self));
    self.link(peer);
    self.send(peer, unlink_from{self});
    co_await self.call(peer, are_you_there{});
    self.exit(peer, exit_reason::of(1));
    (void)co_await end_of(self, peer);
  });
}

TEST_CASE("two processes that link and unlink each other at random end up agreeing") {
  checked_system sys({.workers = 4});
  for (int round = 0; round < 50; ++round)
    sys->run([](context self) -> task<> {
      const auto flap = [](context me) -> process {
        me.trap_exits(true);
        const pid peer = (co_await me.receive<link_to>()).peer;
        for (int i = 0; i < 100; ++i) {
          if (me.random() % 2 == 0)
            me.link(peer);
          else
            me.unlink(peer);
          if (me.random() % 8 == 0) co_await me.yield();
        }
        for (;;) co_await me.receive([](troupe::request<are_you_there> r) { r.reply(); });
      };
      const pid a = self.spawn(flap), b = self.spawn(flap);
      self.send(a, link_to{b});
      self.send(b, link_to{a});
      // Twice, so that what each sent has arrived and has been answered.
      for (const pid p : {a, b, a, b}) co_await self.call(p, are_you_there{});
      const auto ends = self.system().counts().links;
      CHECK((ends == 0 || ends == 2));
      self.exit(a, exit_reason::kill);
      self.exit(b, exit_reason::kill);
      (void)co_await end_of(self, a);
      (void)co_await end_of(self, b);
    });
}

TEST_CASE("a process with many links tells each of them once") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    constexpr int count = 10'000;
    const pid centre = self.spawn(linker, false);
    std::vector<pid> around;
    for (int i = 0; i < count; ++i)
      around.push_back(self.spawn(
          [](context me, pid peer, pid report) -> process {
            me.trap_exits(true);
            me.link(peer);
            me.send(report, link_to{});
            me.send(report, co_await me.receive<exit_signal>());
            if (co_await trapped_one(me)) me.send(report, unlink_from{});
          },
          centre, self.id()));
    for (int i = 0; i < count; ++i) (void)co_await self.receive<link_to>();
    self.exit(centre, exit_reason::of(1));
    for (int i = 0; i < count; ++i) CHECK((co_await self.receive<exit_signal>()).from == centre);
    for (const pid p : around) (void)co_await end_of(self, p);
    CHECK(!(co_await self.receive_within<unlink_from>(0ms)));
  });
}
