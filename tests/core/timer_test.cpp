#include "core/support.hpp"

#include "core/manual_clock.hpp"

#include <random>

using namespace troupe_test;
using troupe::after;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::timer_ref;

namespace {

struct tick {
  int number;
};
struct tock {
  int number;
};

// A system on one worker whose time stands still until the test moves it.
struct fixture {
  fixture() : sys({.workers = 1, .time = clock}) {}
  // Moves the clock and lets all that is due happen.
  task<> pass(context self, std::chrono::nanoseconds time) {
    clock->advance(time);
    co_await settle(self);
  }
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  checked_system sys;
};

// The numbers of all ticks in the mailbox.
task<std::vector<int>> ticks(context self) {
  std::vector<int> seen;
  while (const auto t = co_await self.receive_within<tick>(0ns)) seen.push_back(t->number);
  co_return seen;
}

using numbers = std::vector<int>;

}  // namespace

TEST_CASE("send_after sends once, when its delay is over and not a nanosecond before") {
  for (const std::chrono::nanoseconds delay :
       {1ns, 1000ns, 131072ns, 131073ns, 1'000'000ns, 5'000'000'000ns, 86'400'000'000'000ns}) {
    INFO("delay " << delay.count());
    fixture f;
    f.sys->run([&](context self) -> task<> {
      co_await f.pass(self, 777ns);  // not on a tick
      self.send_after(delay, self, tick{1});
      co_await f.pass(self, delay - 1ns);
      CHECK(co_await ticks(self) == numbers{});
      co_await f.pass(self, 1ns + timer_tick);
      CHECK(co_await ticks(self) == numbers{1});
      co_await f.pass(self, 2 * delay);
      CHECK(co_await ticks(self) == numbers{});
    });
  }
}

TEST_CASE("a delay of zero or less sends soon, to the mailbox and not at once") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    self.send_after(0ns, self, tick{1});
    self.send_after(-1h, self, tick{2});
    CHECK(co_await ticks(self) == numbers{});
    co_await f.pass(self, timer_tick);
    CHECK(co_await ticks(self) == numbers{1, 2});
  });
}

TEST_CASE("timers fire in the order of their deadlines, equal ones in the order of arming") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    self.send_after(30ms, self, tick{3});
    self.send_after(10ms, self, tick{1});
    self.send_after(30ms, self, tick{4});
    self.send_after(20ms, self, tick{2});
    self.send_after(30ms, self, tick{5});
    co_await f.pass(self, 5ms);
    self.send_after(25ms, self, tick{6});        // the same deadline from another start
    self.send_after(25ms - 1ns, self, tick{0});  // within the same tick, but earlier
    co_await f.pass(self, 1h);
    CHECK(co_await ticks(self) == numbers{1, 2, 0, 3, 4, 5, 6});
  });
}

TEST_CASE("a cancelled timer does not fire, and cancel says that it was stopped") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const timer_ref a = self.send_after(10ms, self, tick{1});
    self.send_after(10ms, self, tick{2});
    CHECK(f.sys->counts().timers == 2);
    CHECK(self.cancel(a));
    CHECK(f.sys->counts().timers == 1);
    CHECK(!self.cancel(a));
    co_await f.pass(self, 1s);
    CHECK(co_await ticks(self) == numbers{2});
  });
}

TEST_CASE("cancel of a timer that has fired, or was never armed, says no and changes nothing") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    CHECK(!self.cancel(timer_ref{}));
    CHECK(!self.cancel(timer_ref{12345}));
    const timer_ref a = self.send_after(10ms, self, tick{1});
    const timer_ref b = self.send_after(20ms, self, tick{2});
    co_await f.pass(self, 15ms);
    CHECK(!self.cancel(a));
    CHECK(co_await ticks(self) == numbers{1});  // what has fired stays sent
    CHECK(self.cancel(b));
  });
}

TEST_CASE(
    "a timer's message is destroyed once, whether it fires, is cancelled or nobody is there") {
  std::atomic<int> living{0};
  struct cargo {
    tracked held;
  };
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const timer_ref a = self.send_after(10ms, self, cargo{tracked(living)});
    CHECK(living == 1);
    CHECK(self.cancel(a));
    CHECK(living == 0);
    self.send_after(10ms, pid{}, cargo{tracked(living)});
    self.send_after(10ms, "nobody", cargo{tracked(living)});
    self.send_after(10ms, self, cargo{tracked(living)});
    CHECK(living == 3);
    co_await f.pass(self, 1s);
    CHECK(living == 1);
    (void)co_await self.receive<cargo>();
    CHECK(living == 0);
    self.send_after(1h, self, cargo{tracked(living)});
  });
  f.sys.await_counts({});
  CHECK(living == 0);  // with its process
}

TEST_CASE("the timers of a process end with it and nothing of them arrives") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    struct armed {};
    const auto child = self.spawn_monitor(
        [](context me, pid to) -> process {
          for (int i = 0; i < 100; ++i) me.send_after(10ms + 1ms * i, to, tick{i});
          me.send(to, armed{});
          (void)co_await me.receive<tock>();
        },
        self.id());
    (void)co_await self.receive<armed>();
    CHECK(f.sys->counts().timers == 100);
    self.send(child.id, tock{});
    CHECK((co_await self.receive<down>()).reason == exit_reason::normal);
    CHECK(f.sys->counts().timers == 0);
    co_await f.pass(self, 1h);
    CHECK(co_await ticks(self) == numbers{});
  });
}

TEST_CASE("a timer to a name goes to who has the name when it fires") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    self.send_after(10ms, "late", tick{1});
    self.send_after(30ms, "late", tick{2});
    co_await f.pass(self, 5ms);
    self.register_as("late");
    co_await f.pass(self, 10ms);
    self.unregister("late");
    co_await f.pass(self, 1s);
    CHECK(co_await ticks(self) == numbers{1});
  });
}

TEST_CASE(
    "a timer can send a request's or any other process's message, in order with plain sends") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid relay = self.spawn(
        [](context me, pid to) -> process {
          for (;;) co_await me.receive([&](troupe::message m) { me.send(to, std::move(m)); });
        },
        self.id());
    self.send_after(10ms, relay, tick{2});
    self.send(relay, tick{1});
    co_await f.pass(self, 1s);
    self.send(relay, tick{3});
    co_await settle(self);
    CHECK(co_await ticks(self) == numbers{1, 2, 3});
  });
}

TEST_CASE("a receive's limit counts from its beginning and is over at its end, not before") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid waiter = self.spawn(
        [](context me, pid to) -> process {
          for (int i = 0; i < 2; ++i)
            co_await me.receive([&](tock t) { me.send(to, tick{t.number}); },
                                after(10s, [&] { me.send(to, tick{-1}); }));
        },
        self.id());
    co_await settle(self);
    co_await f.pass(self, 10s - 1ns);
    CHECK(co_await ticks(self) == numbers{});
    self.send(waiter, tock{5});
    co_await settle(self);
    CHECK(co_await ticks(self) == numbers{5});
    co_await f.pass(self, 10s - 1ns);  // the second receive began just now
    CHECK(co_await ticks(self) == numbers{});
    self.send(waiter, tick{0});  // fits no handler: the limit goes on
    co_await f.pass(self, 1ns + timer_tick);
    CHECK(co_await ticks(self) == numbers{-1});
  });
}

TEST_CASE("the limit of a receive that is over does not disturb what the process waits for next") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid waiter = self.spawn(
        [](context me, pid to) -> process {
          for (int i = 0; i < 20; ++i) {
            const auto got = co_await me.receive_within<tock>(1s);
            me.send(to, tick{got ? got->number : -1});
          }
          co_await me.sleep(5s);
          me.send(to, tick{100});
        },
        self.id());
    for (int i = 0; i < 20; ++i) {
      co_await f.pass(self, 900ms);
      self.send(waiter, tock{i});
      co_await settle(self);
      CHECK(co_await ticks(self) == numbers{i});
    }
    co_await f.pass(self, 5s - 1ns);
    CHECK(co_await ticks(self) == numbers{});
    co_await f.pass(self, 1ns + timer_tick);
    CHECK(co_await ticks(self) == numbers{100});
  });
}

TEST_CASE("a wait may be shorter than what was left of the limit before it, and then longer") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid waiter = self.spawn(
        [](context me, pid to) -> process {
          (void)co_await me.receive_within<tock>(1h);
          co_await me.sleep(10ms);
          me.send(to, tick{1});
          (void)co_await me.receive_within<tock>(10s);
          me.send(to, tick{2});
        },
        self.id());
    self.send(waiter, tock{});
    co_await settle(self);
    co_await f.pass(self, 10ms - 1ns);
    CHECK(co_await ticks(self) == numbers{});
    co_await f.pass(self, 1ns + timer_tick);
    CHECK(co_await ticks(self) == numbers{1});
    co_await f.pass(self, 10s - 1ns);
    CHECK(co_await ticks(self) == numbers{});
    co_await f.pass(self, 1ns + timer_tick);
    CHECK(co_await ticks(self) == numbers{2});
  });
}

TEST_CASE("a limit holds while the worker on which the process waited before is held up",
          "[threads]") {
  checked_system sys({.workers = 2});
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 20; ++i) {
      self.send_after(1ms, self, tock{i});
      const bool came = (co_await self.receive_within<tock>(20ms)).has_value();
      std::atomic<bool> let_go = false;
      const auto holder = self.spawn_monitor(
          [](context me, pid to, std::atomic<bool>* until) -> process {
            me.send(to, tick{0});
            while (!*until) std::this_thread::yield();
            co_return;
          },
          self.id(), &let_go);
      (void)co_await self.receive<tick>();  // so that we are on the other worker now
      if (came) CHECK(!co_await self.receive_within<tock>(20ms));
      let_go = true;
      (void)co_await self.receive<down>([&](const down& d) { return d.ref == holder.ref; });
    }
  });
}

TEST_CASE("a message that is there before the process looks again wins over the limit") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid waiter = self.spawn(
        [](context me, pid to) -> process {
          const auto got = co_await me.receive_within<tock>(10ms);
          me.send(to, tick{got ? got->number : -1});
        },
        self.id());
    co_await settle(self);
    f.clock->advance(1h);
    self.send(waiter, tock{8});  // it has not run since: the limit is not over for it yet
    co_await settle(self);
    CHECK(co_await ticks(self) == numbers{8});
  });
}

TEST_CASE("coarse time is never after the time and never earlier than it says") {
  const auto time = troupe::make_real_clock();
  for (int i = 0; i < 1'000; ++i) {
    const auto before = time->now();
    const auto coarse = time->coarse();
    CHECK(before <= coarse + time->lag());
    CHECK(coarse <= time->now());
  }
}

TEST_CASE("sleep ends when its time is over, whatever arrives meanwhile stays") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid sleeper = self.spawn(
        [](context me, pid to) -> process {
          co_await me.sleep(10ms);
          me.send(to, tick{1});
          me.send(to, co_await me.receive<tick>());
          co_await me.sleep(0ns);
          co_await me.sleep(-1s);
          me.send(to, tick{3});
        },
        self.id());
    self.send(sleeper, tick{2});
    co_await settle(self);
    co_await f.pass(self, 10ms - 1ns);
    CHECK(co_await ticks(self) == numbers{});
    co_await f.pass(self, 1ns + timer_tick);
    co_await f.pass(self, timer_tick);
    co_await f.pass(self, timer_tick);
    CHECK(co_await ticks(self) == numbers{1, 2, 3});
  });
}

TEST_CASE("a process that arms and cancels for ever keeps no timers") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    for (int i = 0; i < 20'000; ++i) {
      const timer_ref t = self.send_after(1h, self, tick{i});
      if (i % 2 == 0)
        CHECK(self.cancel(t));
      else
        self.send_after(0ns, self, tick{i});
      if (i % 100 == 99) {
        co_await f.pass(self, 2h);
        CHECK(f.sys->counts().timers == 0);
        CHECK((co_await ticks(self)).size() == 100);
      }
    }
  });
}

TEST_CASE("a hundred thousand armed timers fire in order") {
  fixture f;
  constexpr int count = 100'000;
  f.sys->run([&](context self) -> task<> {
    for (std::int64_t i = 0; i < count; ++i) {
      const int place = static_cast<int>(i * 7919 % count);  // each once, in a wild order
      self.send_after(1us * place, self, tick{place});
    }
    CHECK(f.sys->counts().timers == count);
    co_await f.pass(self, 1h);
    int expected = 0;
    while (const auto t = co_await self.receive_within<tick>(0ns))
      if (t->number == expected) ++expected;
    CHECK(expected == count);
  });
}

TEST_CASE("a timer is cancelled or fires, never both and never neither, on whatever worker it is") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    struct outcome {
      int wrong, cancelled, fired;
    };
    constexpr int processes = 16;
    for (int p = 0; p < processes; ++p)
      self.spawn(
          [](context me, pid report, unsigned seed) -> process {
            std::mt19937 random(seed);
            outcome sum{};
            for (int i = 0; i < 150; ++i) {
              const auto before = me.now();
              const auto delay = std::chrono::microseconds(random() % 400);
              const timer_ref t = me.send_after(delay, me, tick{i});
              // Each of these may take it to another worker before it cancels.
              for (unsigned n = random() % 4; n > 0; --n) co_await me.yield();
              if (random() % 2 == 0) co_await me.sleep(std::chrono::microseconds(random() % 400));
              if (random() % 3 == 0) co_await me.blocking([] {});
              if (me.cancel(t)) {
                ++sum.cancelled;
                // Nothing of it comes, now or later: the next number would be wrong then.
                if (co_await me.receive_within<tick>(0ns)) ++sum.wrong;
              } else {
                ++sum.fired;
                if ((co_await me.receive<tick>()).number != i) ++sum.wrong;
                if (me.now() - before < delay) ++sum.wrong;
              }
            }
            me.send(report, sum);
          },
          self.id(), static_cast<unsigned>(p));
    outcome sum{};
    for (int p = 0; p < processes; ++p) {
      const auto o = co_await self.receive<outcome>();
      sum = {sum.wrong + o.wrong, sum.cancelled + o.cancelled, sum.fired + o.fired};
    }
    CHECK(sum.wrong == 0);
    CHECK(sum.cancelled + sum.fired == processes * 150);
  });
  sys.await_counts({});
}

TEST_CASE("processes that die with armed timers on many workers leave none") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 500; ++i) {
      const pid p = self.spawn([](context me) -> process {
        for (int t = 0; t < 20; ++t) me.send_after(std::chrono::microseconds(t * 50), me, tick{t});
        co_await me.yield();
        co_await me.receive([](tock) {}, after(1ms, [] {}));
      });
      if (i % 2 == 0) self.exit(p, exit_reason::kill);
    }
    co_return;
  });
  sys.await_counts({});
}

TEST_CASE("a worker whose processes have long turns fires timers between them", "[threads]") {
  const auto clock = std::make_shared<manual_clock>();
  checked_system sys({.workers = 1, .time = clock});
  sys->run([&](context self) -> task<> {
    struct tick {};
    int handled = 0;
    // Each handler takes a millisecond; a turn of so many messages ends only after many of them.
    const auto busy = [&](context me) -> process {
      for (;;) {
        me.send(me, tick{});
        (void)co_await me.receive<tick>();
        clock->advance(1ms);
        ++handled;
      }
    };
    const pid one = self.spawn(busy);
    const pid two = self.spawn(busy);
    co_await self.sleep(10ms);
    CHECK(handled < 1000);
    self.exit(one, exit_reason::kill);
    self.exit(two, exit_reason::kill);
  });
}
