#include <troupe/async_stream.hpp>

#include "core/support.hpp"

#include <map>
#include <ranges>

using namespace troupe_test;
using troupe::async_stream;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::stream_timeout;
using troupe::task;

namespace {

struct go {};
struct here {
  int number;
  pid who;
};

// All that is left in a stream; failures as -1.
template <class Stream>
task<std::vector<int>> rest_of(Stream& stream) {
  std::vector<int> all;
  while (auto r = co_await stream.next()) all.push_back(*r ? **r : -1);
  co_return all;
}

// Gives its number when the conductor says so.
auto conducted(pid by) {
  return [by](context self, int number) -> task<int> {
    self.send(by, here{number, self});
    (void)co_await self.receive<go>();
    co_return number;
  };
}
// Waits until the tasks of all these numbers run, and lets them go in this order, one for each
// message that it gets.
process conductor(context self, std::vector<int> order) {
  std::map<int, pid> all;
  while (all.size() < order.size()) {
    const here h = co_await self.receive<here>();
    all[h.number] = h.who;
  }
  for (const int number : order) {
    self.send(all[number], go{});
    (void)co_await self.receive<go>();
  }
}

// Counts how many are under way.
struct gauge {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  void enter() {
    const int n = ++now;
    for (int seen = most; seen < n && !most.compare_exchange_weak(seen, n);) {
    }
  }
  void leave() { --now; }
};

task<> forever(context self) { (void)co_await self.receive<go>(); }

}  // namespace

TEST_CASE("a stream gives the results of all items in their order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    async_stream squares(self, std::views::iota(0, 50), [](int n) { return n * n; },
                         {.max_concurrency = 8});
    const std::vector<int> all = co_await rest_of(squares);
    REQUIRE(all.size() == 50);
    for (int i = 0; i < 50; ++i) CHECK(all[static_cast<std::size_t>(i)] == i * i);
    CHECK(!(co_await squares.next()));
  });
  sys.await_counts({});
}

TEST_CASE("a stream in order waits for its first item though the others are through before") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid by = self.spawn(conductor, std::vector{3, 2, 1, 0});
    for (int i = 0; i < 4; ++i) self.send(by, go{});
    async_stream numbers(self, std::views::iota(0, 4), conducted(by), {.max_concurrency = 4});
    CHECK(co_await rest_of(numbers) == std::vector{0, 1, 2, 3});
  });
}

TEST_CASE("a stream without order gives each result when it is there") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid by = self.spawn(conductor, std::vector{2, 0, 1});
    async_stream numbers(self, std::views::iota(0, 3), conducted(by),
                         {.max_concurrency = 3, .ordered = false});
    std::vector<int> order;
    while (auto r = co_await numbers.next()) {
      order.push_back(**r);
      self.send(by, go{});
    }
    CHECK(order == std::vector{2, 0, 1});
  });
}

TEST_CASE("a stream has no more tasks under way than it may and uses all that it may") {
  checked_system sys;
  gauge tasks;
  sys->run([&](context self) -> task<> {
    const auto work = [&](context me, int n) -> task<int> {
      tasks.enter();
      // The first three wait until three are there.
      while (n < 3 && tasks.most < 3) co_await me.yield();
      for (int i = 0; i < n % 5; ++i) co_await me.yield();
      tasks.leave();
      co_return n;
    };
    async_stream ordered(self, std::views::iota(0, 60), work, {.max_concurrency = 3});
    CHECK((co_await rest_of(ordered)).size() == 60);
    CHECK(tasks.most == 3);
    async_stream unordered(self, std::views::iota(0, 60), work,
                           {.max_concurrency = 3, .ordered = false});
    CHECK((co_await rest_of(unordered)).size() == 60);
    CHECK(tasks.most == 3);
  });
}

TEST_CASE("a stream takes items from its range only when it starts their tasks") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    int taken = 0;
    auto numbers = std::views::iota(0) | std::views::transform([&](int n) {
                     ++taken;
                     return n;
                   });
    async_stream doubled(self, numbers, [](int n) { return 2 * n; }, {.max_concurrency = 4});
    CHECK(taken == 0);
    auto first = co_await doubled.next();
    CHECK(**first == 0);
    CHECK(taken == 4);
    auto second = co_await doubled.next();
    CHECK(**second == 2);
    CHECK(taken == 5);
  });
  sys.await_counts({});
}

TEST_CASE("a stream has as many tasks as the system has workers unless told otherwise") {
  checked_system sys({.workers = 2});
  sys->run([](context self) -> task<> {
    int taken = 0;
    auto numbers = std::views::iota(0, 9) | std::views::transform([&](int n) {
                     ++taken;
                     return n;
                   });
    async_stream same(self, numbers, [](int n) { return n; });
    (void)co_await same.next();
    CHECK(taken == static_cast<int>(self.system().workers()));
  });
}

TEST_CASE("a stream of nothing is over at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    async_stream none(self, std::vector<int>{}, [](int n) { return n; });
    CHECK(!(co_await none.next()));
    CHECK(!(co_await none.next()));
  });
}

TEST_CASE("a stream owns the range that it is given as a temporary") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    async_stream lengths(self, std::vector<std::string>{"one", "three"},
                         [](std::string text) { return static_cast<int>(text.size()); });
    CHECK(co_await rest_of(lengths) == std::vector{3, 5});
  });
}

TEST_CASE("a stream of tasks without a value says when each is through") {
  checked_system sys;
  std::atomic<int> sum{0};
  sys->run([&](context self) -> task<> {
    async_stream added(self, std::views::iota(1, 5), [&](int n) { sum += n; });
    int through = 0;
    while (auto r = co_await added.next()) through += r->has_value() ? 1 : 0;
    CHECK(through == 4);
    CHECK(sum == 10);
  });
}

TEST_CASE("a stream whose task is late throws and ends all tasks and is over") {
  checked_system sys;
  std::atomic<int> living{0};
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    async_stream stuck(self, std::views::iota(0),
                       [held = tracked(living)](context me, int n) -> task<int> {
                         if (n == 1) co_await forever(me);
                         co_return n;
                       },
                       {.max_concurrency = 3, .timeout = 20ms});
    auto first = co_await stuck.next();
    CHECK(**first == 0);
    std::optional<exit_reason> why;
    try {
      (void)co_await stuck.next();
    } catch (const call_error& e) {
      why = e.reason();
    }
    REQUIRE(why);
    CHECK(why->type() == "troupe::timeout");
    CHECK(!(co_await stuck.next()));
    CHECK(!(co_await self.receive_within<troupe::exit_signal>(0ns)));
  });
  sys.await_counts({});
  CHECK(living == 0);
}

TEST_CASE("a late task is killed and its result is a timeout where that is asked for") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    async_stream numbers(
        self, std::views::iota(0, 4),
        [](context me, int n) -> task<int> {
          if (n == 1) co_await forever(me);
          co_return n;
        },
        {.max_concurrency = 2, .timeout = 20ms, .on_timeout = stream_timeout::kill_task});
    std::vector<int> all;
    while (auto r = co_await numbers.next()) {
      all.push_back(*r ? **r : -1);
      if (!*r) CHECK(r->reason().type() == "troupe::timeout");
    }
    CHECK(all == std::vector{0, -1, 2, 3});
  });
  sys.await_counts({});
}

TEST_CASE("what a stream's task throws ends its owner unless that traps exits") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto body = [](bool traps) {
      return [traps](context me) -> process {
        me.trap_exits(traps);
        async_stream failing(me, std::views::iota(0, 3), [](int n) {
          if (n == 1) throw std::runtime_error("no page 1");
          return n;
        });
        const std::vector<int> all = co_await rest_of(failing);
        CHECK(all == std::vector{0, -1, 2});
      };
    };
    const auto why = exit_reason::error("std::runtime_error", "no page 1");
    CHECK(co_await end_of(self, self.spawn(body(false))) == why);
    CHECK(co_await end_of(self, self.spawn(body(true))) == exit_reason::normal);
  });
}

TEST_CASE("under a task supervisor what a stream's task throws is only a failed result") {
  checked_system sys;
  const auto tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    async_stream some(self, std::views::iota(0, 4),
                      [](int n) {
                        if (n % 2 == 1) throw std::runtime_error("odd");
                        return n;
                      },
                      {.max_concurrency = 2, .under = tasks});
    CHECK(co_await rest_of(some) == std::vector{0, -1, 2, -1});
  });
}

TEST_CASE("a stream that is destroyed early ends its tasks") {
  checked_system sys;
  std::atomic<int> living{0};
  sys->run([&](context self) -> task<> {
    {
      async_stream numbers(self, std::views::iota(0),
                           [held = tracked(living)](context me, int n) -> task<int> {
                             if (n > 0) co_await forever(me);
                             co_return n;
                           },
                           {.max_concurrency = 5, .timeout = troupe::infinity});
      auto first = co_await numbers.next();
      CHECK(**first == 0);
    }
    co_await self.yield();
  });
  sys.await_counts({});
  CHECK(living == 0);
}

TEST_CASE("a stream whose task is not started throws and is over") {
  checked_system sys;
  const auto tasks = sys->supervise(troupe::dynamic{.max_children = 2}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    async_stream some(self, std::views::iota(0),
                      [](context me, int n) -> task<int> {
                        co_await forever(me);
                        co_return n;
                      },
                      {.max_concurrency = 3, .under = tasks});
    std::optional<troupe::child_refused> no;
    try {
      (void)co_await some.next();
    } catch (const call_error& e) {
      const auto* const why = e.reason().get_if<troupe::child_refused>();
      if (why != nullptr) no = *why;
    }
    REQUIRE(no);
    CHECK(no->why == troupe::child_refused::cause::max_children);
    CHECK(!(co_await some.next()));
  });
}
