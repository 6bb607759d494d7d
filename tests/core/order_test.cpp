// Signals from one process to another arrive in the order sent, whatever their kinds: messages,
// exits, links, monitors and their removal. (Erlang Reference Manual, "Processes: Signals".)
#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct number {
  int value;
};

constexpr int rounds = 1000;

// Runs the scenario many times in a system with more workers than cores.
template <class Scenario>
void repeat(Scenario scenario) {
  checked_system sys({.workers = 4});
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < rounds; ++i) co_await scenario(self, i);
  });
}

// Whatever comes first, as a number: a message its value, a down -1, an exit signal -2.
task<int> next_of_any(context self) {
  co_return co_await self.receive([](number n) { return n.value; }, [](down) { return -1; },
                                  [](exit_signal) { return -2; });
}

}  // namespace

TEST_CASE("messages between two processes arrive in the order sent, from many senders at once") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    struct numbered {
      int sender, value;
    };
    constexpr int senders = 8, each = 5000;
    for (int s = 0; s < senders; ++s)
      self.spawn(
          [s](context me, pid to) -> process {
            for (int i = 0; i < each; ++i) {
              me.send(to, numbered{s, i});
              if (i % 100 == s) co_await me.yield();
            }
          },
          self.id());
    std::vector<int> next(senders, 0);
    for (int i = 0; i < senders * each; ++i) {
      const auto m = co_await self.receive<numbered>();
      int& wanted = next[static_cast<std::size_t>(m.sender)];
      if (m.value != wanted) CHECK(m.value == wanted);
      ++wanted;
    }
  });
}

TEST_CASE("what a process sent before its end arrives before its down and its exit signal") {
  repeat([](context self, int) -> task<> {
    self.trap_exits(true);
    self.spawn_with(
        {.link = true, .monitor = true},
        [](context me, pid to) -> process {
          for (int i = 0; i < 3; ++i) me.send(to, number{i});
          co_return;
        },
        self.id());
    for (int i = 0; i < 3; ++i) CHECK(co_await next_of_any(self) == i);
    CHECK(co_await next_of_any(self) + co_await next_of_any(self) == -3);
  });
}

TEST_CASE("messages and exit signals that are trapped keep their order") {
  repeat([](context self, int) -> task<> {
    self.trap_exits(true);
    self.spawn_link(
        [](context me, pid to) -> process {
          me.send(to, number{1});
          me.exit(to, exit_reason::of(1));
          me.send(to, number{2});
          me.exit(to, exit_reason::normal);
          me.send(to, number{3});
          co_return;
        },
        self.id());
    for (const int wanted : {1, -2, 2, -2, 3, -2}) CHECK(co_await next_of_any(self) == wanted);
  });
}

TEST_CASE("a link set before an exit signal breaks with its reason, one set after it with noproc") {
  repeat([](context self, int) -> task<> {
    self.trap_exits(true);
    const pid before = self.spawn(idler), after = self.spawn(idler);
    self.link(before);
    self.exit(before, exit_reason::of(1));
    self.exit(after, exit_reason::of(2));
    self.link(after);
    const auto from = [](pid p) { return [p](const exit_signal& e) { return e.from == p; }; };
    CHECK((co_await self.receive<exit_signal>(from(before))).reason == exit_reason::of(1));
    CHECK((co_await self.receive<exit_signal>(from(after))).reason == exit_reason::noproc);
  });
}

TEST_CASE("a monitor set before an exit signal yields its reason, one set after it noproc") {
  repeat([](context self, int) -> task<> {
    const pid p = self.spawn(idler);
    const auto before = self.monitor(p);
    self.exit(p, exit_reason::of(1));
    const auto after = self.monitor(p);
    const auto of = [](troupe::monitor_ref r) { return [r](const down& d) { return d.ref == r; }; };
    CHECK((co_await self.receive<down>(of(before))).reason == exit_reason::of(1));
    CHECK((co_await self.receive<down>(of(after))).reason == exit_reason::noproc);
  });
}

TEST_CASE("a process ends by an exit signal before it sees what was sent after it") {
  repeat([](context self, int) -> task<> {
    const auto p = self.spawn_monitor([](context me) -> process {
      for (int next = 0;; ++next)
        if ((co_await me.receive<number>()).value != next || next > 2) me.exit(exit_reason::of(-1));
    });
    for (int i = 0; i < 3; ++i) self.send(p.id, number{i});
    self.exit(p.id, exit_reason::of(1));
    for (int i = 3; i < 6; ++i) self.send(p.id, number{i});
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(1));
  });
}

TEST_CASE("messages and monitors and exits keep their order when some are sent by name") {
  repeat([](context self, int) -> task<> {
    const auto p = self.spawn_with({.name = "p", .monitor = true}, [](context me) -> process {
      const int first = (co_await me.receive<number>()).value;
      const int second = (co_await me.receive<number>()).value;
      me.exit(exit_reason::of(10 * first + second));
    });
    const auto by_name = self.monitor("p");
    self.send("p", number{1});
    self.send(p.id, number{2});
    const down first = co_await self.receive<down>(), second = co_await self.receive<down>();
    CHECK((first.ref == by_name) != (second.ref == by_name));
    CHECK(first.reason == exit_reason::of(12));
    CHECK(second.reason == exit_reason::of(12));
    CHECK(!self.whereis("p"));
  });
}

TEST_CASE("who comes too late is answered after the end was told to those who came in time") {
  repeat([](context self, int) -> task<> {
    self.trap_exits(true);
    const pid p = self.spawn(idler);
    self.link(p);
    const auto before = self.monitor(p);
    self.exit(p, exit_reason::of(1));
    const auto after = self.monitor(p);
    std::string order;
    for (int told = 0; told < 3; ++told)
      co_await self.receive([&](const troupe::exit_signal&) { order += 'e'; },
                            [&](const down& d) { order += d.ref == after ? 'l' : 'd'; });
    CHECK(order.back() == 'l');
    self.demonitor(before);
  });
}

TEST_CASE(
    "a process that links, unlinks and ends at once ends nobody, but without unlink it does") {
  repeat([](context self, int i) -> task<> {
    const bool keeps = i % 2 == 0;
    const pid peer = self.spawn(idler);
    const auto watched = self.monitor(peer);
    const pid setter = self.spawn(
        [](context me, pid to, bool keeps_link) -> process {
          me.link(to);
          if (!keeps_link) me.unlink(to);
          me.exit(exit_reason::of(1));
          co_return;
        },
        peer, keeps);
    (void)co_await end_of(self, setter);
    self.exit(peer, exit_reason::of(2));
    const down d = co_await self.receive<down>();
    CHECK(d.ref == watched);
    CHECK(d.reason == exit_reason::of(keeps ? 1 : 2));
  });
}

TEST_CASE("link, unlink and link again in a row end as linked, and the end is told once") {
  repeat([](context self, int) -> task<> {
    self.trap_exits(true);
    const pid p = self.spawn(idler);
    self.link(p);
    self.unlink(p);
    self.link(p);
    self.exit(p, exit_reason::of(1));
    self.unlink(p);
    self.link(p);  // too late: the process has ended by then
    CHECK((co_await self.receive<exit_signal>()).reason == exit_reason::noproc);
    CHECK(!(co_await self.receive_within<exit_signal>(0ms)));
  });
}

TEST_CASE("replies and messages of one process keep their order") {
  repeat([](context self, int) -> task<> {
    const pid p = self.spawn(
        [](context me, pid to) -> process {
          co_await me.receive([&](troupe::request<are_you_there> r) {
            me.send(to, number{1});
            r.reply();
            me.send(to, number{2});
          });
        },
        self.id());
    auto reply = self.send_request(p, are_you_there{});
    CHECK((co_await self.receive<number>()).value == 1);
    CHECK((co_await reply).has_value());
    CHECK((co_await self.receive<number>()).value == 2);
  });
}
