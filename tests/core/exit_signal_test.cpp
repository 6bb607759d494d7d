// OTP's table of exit signals, cell by cell, and what follows from it. (Erlang Reference Manual,
// "Processes: Receiving Exit Signals".)
#include "core/manual_clock.hpp"
#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

enum class sent_by { another, a_link, itself };

struct end_yourself {
  exit_reason reason;
};
struct what_came {
  using reply = std::optional<exit_signal>;
};

process subject(context self, bool traps) {
  self.trap_exits(traps);
  for (;;)
    co_await self.receive([&](end_yourself e) { self.exit(self, e.reason); },
                          [&](request<what_came> r) -> task<> {
                            r.reply(co_await self.receive_within<exit_signal>(0ms));
                          });
}

process links_and_ends(context self, pid to, exit_reason reason) {
  self.link(to);
  self.exit(reason);
  co_return;
}

std::string ends(const exit_reason& with) { return "ends with " + to_string(with); }
std::string gets(const exit_reason& what) { return "gets the message " + to_string(what); }
const std::string nothing = "does not notice";

struct cell {
  sent_by sender;
  bool traps;
  exit_reason reason;
  std::string effect;
};

// Sends the signal to a process of its own and tells what became of that.
task<std::string> effect_of(context self, cell c) {
  const auto victim = self.spawn_monitor(subject, c.traps);
  (void)co_await self.call(victim.id, what_came{});  // its setting has been made
  pid sender = self;
  if (c.sender == sent_by::another) {
    self.exit(victim.id, c.reason);
  } else if (c.sender == sent_by::itself) {
    sender = victim.id;
    self.send(victim.id, end_yourself{c.reason});
  } else {
    // A process tells its links before its monitors: when its end is known here, it is known there.
    const auto linked = self.spawn_monitor(links_and_ends, victim.id, c.reason);
    sender = linked.id;
    (void)co_await self.receive<troupe::down>([&](const auto& d) { return d.ref == linked.ref; });
  }
  auto came = co_await self.try_call(victim.id, what_came{}, troupe::infinity);
  if (!came) co_return ends((co_await self.receive<troupe::down>()).reason);
  self.demonitor(victim.ref);
  self.exit(victim.id, exit_reason::kill);
  if (!*came) co_return nothing;
  CHECK((*came)->from == sender);
  co_return gets((*came)->reason);
}

}  // namespace

TEST_CASE("an exit signal has the effect that OTP's table says") {
  const exit_reason normal = exit_reason::normal, shutdown = exit_reason::shutdown,
                    kill = exit_reason::kill, killed = exit_reason::killed,
                    noproc = exit_reason::noproc,
                    error = exit_reason::error("std::runtime_error", "broken");
  using enum sent_by;
  constexpr bool plain = false, traps = true;
  const std::vector<cell> table = {
      {another, plain, normal, nothing},
      {another, plain, shutdown, ends(shutdown)},
      {another, plain, error, ends(error)},
      {another, plain, kill, ends(killed)},
      {another, plain, killed, ends(killed)},
      {another, plain, noproc, ends(noproc)},
      {another, traps, normal, gets(normal)},
      {another, traps, shutdown, gets(shutdown)},
      {another, traps, error, gets(error)},
      {another, traps, kill, ends(killed)},
      {another, traps, killed, gets(killed)},
      {another, traps, noproc, gets(noproc)},

      {a_link, plain, normal, nothing},
      {a_link, plain, shutdown, ends(shutdown)},
      {a_link, plain, error, ends(error)},
      {a_link, plain, kill, ends(kill)},  // only exit(to, kill) is unconditional and renamed
      {a_link, plain, killed, ends(killed)},
      {a_link, plain, noproc, ends(noproc)},
      {a_link, traps, normal, gets(normal)},
      {a_link, traps, shutdown, gets(shutdown)},
      {a_link, traps, error, gets(error)},
      {a_link, traps, kill, gets(kill)},
      {a_link, traps, killed, gets(killed)},
      {a_link, traps, noproc, gets(noproc)},

      {itself, plain, normal, ends(normal)},  // from oneself it is meant
      {itself, plain, shutdown, ends(shutdown)},
      {itself, plain, error, ends(error)},
      {itself, plain, kill, ends(killed)},
      {itself, plain, killed, ends(killed)},
      {itself, plain, noproc, ends(noproc)},
      {itself, traps, normal, gets(normal)},
      {itself, traps, shutdown, gets(shutdown)},
      {itself, traps, error, gets(error)},
      {itself, traps, kill, ends(killed)},
      {itself, traps, killed, gets(killed)},
      {itself, traps, noproc, gets(noproc)},
  };
  checked_system sys;
  for (const cell& c : table) {
    INFO("sender " << static_cast<int>(c.sender) << ", traps " << c.traps << ", reason "
                   << to_string(c.reason));
    CHECK(sys->run([&](context self) { return effect_of(self, c); }) == c.effect);
  }
}

TEST_CASE("a process that is killed sends killed, not kill, to its links") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const pid victim = self.spawn_link(idler);
    const auto linked = self.spawn_monitor([victim](context me) -> process {
      me.link(victim);
      co_await me.receive([](request<are_you_there> r) { r.reply(); });
      co_await me.sleep(1h);
    });
    co_await self.call(linked.id, are_you_there{});
    self.exit(victim, exit_reason::kill);
    const auto trapped = co_await self.receive<exit_signal>();
    CHECK(trapped.from == victim);
    CHECK(trapped.reason == exit_reason::killed);
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::killed);
  });
}

TEST_CASE("self.exit ends a process with exactly the reason given, and destructors run") {
  std::atomic<int> living{0};
  const exit_reason reasons[] = {exit_reason::normal,
                                 exit_reason::shutdown,
                                 exit_reason::kill,
                                 exit_reason::killed,
                                 exit_reason::noproc,
                                 exit_reason::noconnection,
                                 exit_reason::of(3),
                                 exit_reason::shutdown_with(std::string("for repair")),
                                 exit_reason::error("its::own", "text")};
  checked_system sys;
  for (const exit_reason& reason : reasons) {
    INFO(to_string(reason));
    sys->run([&](context self) -> task<> {
      self.spawn_monitor(
          [&living](context me, exit_reason with) -> process {
            const tracked held(living);
            try {
              me.exit(with);
            } catch (const std::exception&) {
              // A handler of errors does not stop a process that wants to end.
            }
            co_await me.sleep(1h);
          },
          reason);
      CHECK((co_await self.receive<troupe::down>()).reason == reason);
    });
    CHECK(living == 0);
  }
}

TEST_CASE("a reason of the program's own reaches links and monitors with its value") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const auto child = self.spawn_with({.link = true, .monitor = true}, [](context me) -> process {
      me.exit(exit_reason::of(std::string("out of stock")));
      co_return;
    });
    const auto by_link = co_await self.receive<exit_signal>();
    const auto by_monitor = co_await self.receive<troupe::down>();
    CHECK(by_monitor.from == child.id);
    for (const exit_reason* r : {&by_link.reason, &by_monitor.reason}) {
      const auto* text = r->get_if<std::string>();
      REQUIRE(text != nullptr);
      CHECK(*text == "out of stock");
    }
  });
}

TEST_CASE("trap_exits gives the former setting and counts when the signal is received") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    CHECK(!self.trap_exits(true));
    CHECK(self.trap_exits(true));
    self.exit(self, exit_reason::shutdown);
    CHECK((co_await self.receive<exit_signal>()).from == self.id());
    CHECK(self.trap_exits(false));
  });
  CHECK_THROWS(sys->run([](context self) -> task<> {
    self.trap_exits(true);
    self.exit(self, exit_reason::shutdown);
    self.trap_exits(false);
    co_await self.sleep(1h);
  }));
}

TEST_CASE("of several exit signals the first that ends a process tells the reason") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn_monitor(idler);
    self.exit(p.id, exit_reason::normal);  // ignored
    self.exit(p.id, exit_reason::of(1));
    self.exit(p.id, exit_reason::of(2));
    self.exit(p.id, exit_reason::kill);
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(1));
  });
}

TEST_CASE("an exit signal from outside comes from nobody and is treated like any other") {
  checked_system sys;
  const pid plain = sys->spawn(subject, false);
  const pid traps = sys->spawn(subject, true);
  (void)sys->call(traps, what_came{});  // its setting has been made
  sys->exit(plain, exit_reason::normal);
  sys->exit(traps, exit_reason::shutdown);
  CHECK(!sys->call(plain, what_came{}));
  const auto came = sys->call(traps, what_came{});
  REQUIRE(came);
  CHECK(!came->from);
  CHECK(came->reason == exit_reason::shutdown);
  sys->exit(plain, exit_reason::shutdown);
  sys->exit(traps, exit_reason::kill);
  sys.await_counts({});
}

TEST_CASE("an exit signal to a process that has ended, or to none, is dropped in silence") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto gone = self.spawn_monitor([](context) -> process { co_return; });
    (void)co_await self.receive<troupe::down>();
    const auto dropped = self.system().counts().messages_dropped;
    self.exit(gone.id, exit_reason::kill);
    self.exit(pid{}, exit_reason::kill);
    CHECK(self.system().counts().messages_dropped == dropped);
    CHECK(!(co_await self.receive_within<exit_signal>(0ms)));
  });
  CHECK(sys.log->text().empty());
}

TEST_CASE("what a dying process had received and not handled is lost with it") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct forward {};
    const auto p = self.spawn_monitor(
        [](context me, pid to) -> process {
          co_await me.receive([](request<are_you_there> r) { r.reply(); });
          for (;;) co_await me.receive([&](forward f) { me.send(to, f); });
        },
        self.id());
    co_await self.call(p.id, are_you_there{});
    // It is not running now, and finds all this at once when it does.
    self.exit(p.id, exit_reason::shutdown);
    self.send(p.id, forward{});
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::shutdown);
    CHECK(!(co_await self.receive_within<forward>(0ms)));
  });
}

TEST_CASE("a process that is ended in a blocking call ends when that has returned", "[threads]") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    std::atomic<bool> there{false}, go{false}, went_on{false};
    const auto p = self.spawn_monitor([&](context me) -> process {
      co_await me.blocking([&] {
        there = true;
        there.notify_all();
        go.wait(false);
      });
      went_on = true;
    });
    co_await self.blocking([&] { there.wait(false); });
    self.exit(p.id, exit_reason::kill);
    CHECK(!(co_await self.receive_within<troupe::down>(1ms)));
    go = true;
    go.notify_all();
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::killed);
    CHECK(!went_on);
  });
}

TEST_CASE("a failure goes along a chain of links, and each process dies once of the first reason") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    constexpr int length = 1000;
    std::vector<pid> chain;
    for (int i = 0; i < length; ++i) {
      const auto p = self.spawn_monitor(
          [](context me, pid before) -> process {
            if (before) me.link(before);
            co_await me.receive([](request<are_you_there> r) { r.reply(); });
            co_await me.sleep(1h);
          },
          chain.empty() ? pid{} : chain.back());
      chain.push_back(p.id);
    }
    // All have sent their link before they answered.
    for (const pid p : chain) co_await self.call(p, are_you_there{});
    self.exit(chain[length / 2], exit_reason::of(7));
    for (int i = 0; i < length; ++i)
      CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(7));
  });
}

TEST_CASE("an exit signal to oneself cannot be caught") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn_monitor(
        [](context me, pid report) -> process {
          try {
            me.exit(me, exit_reason::of(1));
            co_await me.yield();
          } catch (...) {
            me.send(report, 1);
          }
          me.send(report, 2);
        },
        self.id());
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(1));
    CHECK(!co_await self.receive_within<int>(0ns));
    (void)p;
  });
}

TEST_CASE("an exit signal takes effect at the next wait so the own end of a process comes first") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.spawn_monitor([](context me) -> process {
      me.system().exit(me, exit_reason::of(1));
      me.exit(exit_reason::of(2));
      co_return;
    });
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(2));
    self.spawn_monitor([](context me) -> process {
      me.system().exit(me, exit_reason::of(1));
      me.trap_exits(true);  // before it is received
      CHECK((co_await me.receive<exit_signal>()).reason == exit_reason::of(1));
      me.exit(exit_reason::of(3));
    });
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::of(3));
  });
}

TEST_CASE("a large reason reaches links and monitors and trapping processes whole") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const exit_reason large = exit_reason::of(std::string(128 * 1024, 'x'));
    const auto by_itself = self.spawn_with(
        {.link = true, .monitor = true},
        [](context me, exit_reason why) -> process {
          me.exit(std::move(why));
          co_return;
        },
        large);
    const auto by_another = self.spawn_with({.link = true, .monitor = true}, idler);
    self.exit(by_another.id, large);
    for (int i = 0; i < 2; ++i) {
      CHECK((co_await self.receive<exit_signal>()).reason == large);
      CHECK((co_await self.receive<troupe::down>()).reason == large);
    }
    self.exit(self, large);
    CHECK((co_await self.receive<exit_signal>()).reason == large);
    (void)by_itself;
  });
}

TEST_CASE("an exit signal and a timeout at the same time end a process once") {
  const auto clock = std::make_shared<manual_clock>();
  checked_system sys({.workers = 1, .time = clock});
  sys->run([&](context self) -> task<> {
    const auto p = self.spawn_monitor([](context me) -> process {
      (void)co_await me.receive_within<int>(1s);
      (void)co_await me.receive<int>();
    });
    co_await settle(self);
    clock->advance(1s + timer_tick);
    self.exit(p.id, exit_reason::of(1));
    const troupe::down ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == p.ref);
    CHECK(ended.reason == exit_reason::of(1));
    co_await settle(self);
    CHECK(!co_await self.receive_within<troupe::down>(0ns));
  });
}
