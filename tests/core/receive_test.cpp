#include "core/support.hpp"

#include <numeric>

using namespace troupe_test;
using troupe::after;
using troupe::context;
using troupe::message;
using troupe::process;
using troupe::task;

namespace {

struct number {
  int value;
};
struct word {
  std::string text;
};
struct silent {};

}  // namespace

TEST_CASE("receive of a message takes the first one whatever its type") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.send(self, 7);
    self.send(self, std::string("next"));
    const troupe::message first = co_await self.receive<troupe::message>();
    REQUIRE(first.get_if<int>() != nullptr);
    CHECK(*first.get_if<int>() == 7);
    const auto second = co_await self.receive_within<troupe::message>(0ms);
    REQUIRE(second);
    CHECK(second->get_if<std::string>() != nullptr);
    CHECK(!co_await self.receive_within<troupe::message>(0ms));
  });
}

TEST_CASE("receive runs the handler of the message's type and gives what it returns") {
  checked_system sys;
  const int result = sys->run([](context self) -> task<int> {
    self.send(self, number{2});
    self.send(self, word{"three"});
    const auto count = [&] {
      return self.receive([](number n) { return n.value; },
                          [](const word& w) { return static_cast<int>(w.text.size()); });
    };
    const int first = co_await count();
    const int second = co_await count();
    co_return first * 10 + second;
  });
  CHECK(result == 25);
}

TEST_CASE("receive takes the oldest message that any handler accepts, not the first handler's") {
  checked_system sys;
  const std::string order = sys->run([](context self) -> task<std::string> {
    self.send(self, word{"a"});
    self.send(self, number{1});
    std::string seen;
    for (int i = 0; i < 2; ++i)
      co_await self.receive([&](number n) { seen += std::to_string(n.value); },
                            [&](word w) { seen += w.text; });
    co_return seen;
  });
  CHECK(order == "a1");
}

TEST_CASE("messages that a receive skips stay in the mailbox, in order") {
  checked_system sys;
  const std::string seen = sys->run([](context self) -> task<std::string> {
    for (int i = 0; i < 5; ++i) {
      self.send(self, word{std::to_string(i)});
      if (i == 2) self.send(self, number{7});
    }
    std::string order = std::to_string((co_await self.receive<number>()).value);
    for (int i = 0; i < 5; ++i) order += (co_await self.receive<word>()).text;
    co_return order;
  });
  CHECK(seen == "701234");
}

TEST_CASE("a predicate selects a message behind others") {
  checked_system sys;
  const auto seen = sys->run([](context self) -> task<std::vector<int>> {
    for (int i = 0; i < 6; ++i) self.send(self, number{i});
    std::vector<int> order;
    const auto odd = [](const number& n) { return n.value % 2 == 1; };
    for (int i = 0; i < 3; ++i) order.push_back((co_await self.receive<number>(odd)).value);
    for (int i = 0; i < 3; ++i) order.push_back((co_await self.receive<number>()).value);
    co_return order;
  });
  CHECK(seen == std::vector<int>{1, 3, 5, 0, 2, 4});
}

TEST_CASE("a receive looks at each skipped message once, however many arrive one by one") {
  checked_system sys;
  constexpr int skipped = 100'000;
  const auto looks = sys->run([](context self) -> task<int> {
    // The sender waits for each message to be in the mailbox of a process that waits selectively.
    self.spawn(
        [](context feeder, troupe::pid to) -> process {
          for (int i = 0; i < skipped; ++i) {
            feeder.send(to, number{i});
            if (i % 1000 == 0) co_await feeder.yield();
          }
          feeder.send(to, number{-1});
        },
        self.id());
    int seen = 0;
    (void)co_await self.receive<number>([&](const number& n) {
      ++seen;
      return n.value < 0;
    });
    co_return seen;
  });
  CHECK(looks == skipped + 1);
}

TEST_CASE("all of 100,000 skipped messages are still there, in order, in the next receive") {
  checked_system sys;
  const bool in_order = sys->run([](context self) -> task<bool> {
    for (int i = 0; i < 100'000; ++i) self.send(self, number{i});
    self.send(self, word{"last"});
    (void)co_await self.receive<word>();
    for (int i = 0; i < 100'000; ++i)
      if ((co_await self.receive<number>()).value != i) co_return false;
    co_return true;
  });
  CHECK(in_order);
}

TEST_CASE("a handler that takes troupe::message gets any message and can pass it on") {
  checked_system sys;
  const std::string got = sys->run([](context self) -> task<std::string> {
    const troupe::pid forwarder = self.spawn(
        [](context me, troupe::pid to) -> process {
          co_await me.receive([](number) {}, [&](message m) { me.send(to, std::move(m)); });
        },
        self.id());
    self.send(forwarder, word{"passed on"});
    co_return (co_await self.receive<word>()).text;
  });
  CHECK(got == "passed on");
}

TEST_CASE("after runs its handler when nothing fits within the limit, and never early") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.send(self, word{"does not fit"});
    const auto before = self.now();
    const int result =
        co_await self.receive([](number) { return 1; }, after(2ms, [] { return 2; }));
    CHECK(result == 2);
    CHECK(self.now() - before >= 2ms);
    CHECK((co_await self.receive<word>()).text == "does not fit");
  });
}

TEST_CASE("after zero takes what is there and does not wait") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto poll = [&] {
      return self.receive([](number n) { return n.value; }, after(0ms, [] { return -1; }));
    };
    CHECK(co_await poll() == -1);
    self.send(self, word{"skipped"});
    self.send(self, number{5});
    CHECK(co_await poll() == 5);
    CHECK(co_await poll() == -1);
    (void)co_await self.receive<word>();
  });
}

TEST_CASE("a receive that has only an after clause waits and leaves the mailbox alone") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.send(self, number{3});
    bool over = false;
    co_await self.receive(after(1ms, [&] { over = true; }));
    CHECK(over);
    CHECK((co_await self.receive<number>()).value == 3);
  });
}

TEST_CASE("receive_within gives nothing after the limit, else the message") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    CHECK(!(co_await self.receive_within<number>(0ms)));
    CHECK(!(co_await self.receive_within<number>(1ms)));
    CHECK(!(co_await self.receive_within<number>(-1ms)));
    self.send(self, number{4});
    const auto got = co_await self.receive_within<number>(10s);
    REQUIRE(got);
    CHECK(got->value == 4);
    // Longer than the clock can count is for ever, not at once.
    self.send_after(1ms, self.id(), number{5});
    const auto late = co_await self.receive_within<number>(std::chrono::nanoseconds::max() - 1ns);
    REQUIRE(late);
    CHECK(late->value == 5);
  });
}

TEST_CASE("handlers may be coroutines, which receive themselves") {
  checked_system sys;
  const int sum = sys->run([](context self) -> task<int> {
    self.send(self, word{"go"});
    self.send(self, number{1});
    self.send(self, number{2});
    co_return co_await self.receive(
        [&](word) -> task<int> {
          const int a = (co_await self.receive<number>()).value;
          co_await self.yield();
          const int b = (co_await self.receive<number>()).value;
          co_return a + b;
        },
        [](silent) { return 0; });
  });
  CHECK(sum == 3);
}

TEST_CASE("what a handler captures by value lives until its coroutine has ended") {
  checked_system sys;
  std::atomic<int> living{0};
  const bool lived = sys->run([&](context self) -> task<bool> {
    self.send(self, silent{});
    const tracked held(living);
    co_return co_await self.receive([self, held](silent) -> task<bool> {
      co_await self.sleep(1ms);
      co_return held.count->load() >= 2;
    });
  });
  CHECK(lived);
  CHECK(living == 0);
}

TEST_CASE("an exception of a predicate comes out of the receive, and the message stays") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto refuse = [](const number& n) -> bool {
      throw std::runtime_error("cannot judge " + std::to_string(n.value));
    };
    self.send(self, number{1});
    CHECK_THROWS_WITH(co_await self.receive<number>(refuse), "cannot judge 1");
    CHECK((co_await self.receive<number>()).value == 1);
    // The same where the message comes while the process waits.
    self.send_after(1ms, self.id(), number{2});
    CHECK_THROWS_WITH(co_await self.receive<number>(refuse), "cannot judge 2");
    CHECK((co_await self.receive<number>()).value == 2);
  });
}

TEST_CASE("messages that nobody took are destroyed with their process") {
  std::atomic<int> living{0};
  struct cargo {
    tracked held;
  };
  {
    checked_system sys;
    const troupe::pid p =
        sys->spawn([](context self) -> process { (void)co_await self.receive<silent>(); });
    for (int i = 0; i < 100; ++i) sys->send(p, cargo{tracked(living)});
    CHECK(living == 100);
    sys->send(p, silent{});
    sys->run([&](context self) -> task<> { (void)co_await end_of(self, p); });
    sys->send(p, cargo{tracked(living)});
  }
  CHECK(living == 0);
}

TEST_CASE("two busy processes do not keep a third one on the same worker from running") {
  checked_system sys({.workers = 1});
  sys->run([](context self) -> task<> {
    struct ball {
      troupe::pid from;
    };
    const auto player = [](context me) -> process {
      for (;;) {
        const ball b = co_await me.receive<ball>();
        me.send(b.from, ball{me});
      }
    };
    const troupe::pid a = self.spawn(player);
    const troupe::pid b = self.spawn(player);
    self.send(a, ball{b});
    for (int i = 0; i < 100; ++i) co_await self.yield();
    self.exit(a, troupe::exit_reason::kill);
    self.exit(b, troupe::exit_reason::kill);
  });
}

TEST_CASE("a process that always has mail lets others run") {
  checked_system sys({.workers = 1});
  const int rounds = sys->run([](context self) -> task<int> {
    const troupe::pid greedy = self.spawn([](context me) -> process {
      me.send(me, silent{});
      for (;;) {
        co_await me.receive<silent>();
        me.send(me, silent{});
      }
    });
    int i = 0;
    for (; i < 100; ++i) co_await self.yield();
    self.exit(greedy, troupe::exit_reason::kill);
    (void)co_await end_of(self, greedy);
    co_return i;
  });
  CHECK(rounds == 100);
}
