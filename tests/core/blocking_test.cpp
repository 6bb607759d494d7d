#include "core/support.hpp"

#include <pthread.h>

#include <condition_variable>
#include <set>

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

// Functions that block wait here until the test opens it; it counts who waits.
class gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    most_ = std::max(most_, inside_);
    ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await_inside(int wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == wanted; });
  }
  [[nodiscard]] int most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }
  [[nodiscard]] int entered() {
    const std::lock_guard lock(mutex_);
    return entered_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
  int most_ = 0;
  int entered_ = 0;
};

std::string thread_name() {
  char name[32] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof(name));
  return name;
}

struct done {
  int value;
};

}  // namespace

TEST_CASE("blocking gives what its function returns: values that only move, and nothing") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    CHECK(co_await self.blocking([] { return 7; }) == 7);
    auto owned = std::make_unique<int>(8);
    auto back =
        co_await self.blocking([owned = std::move(owned)]() mutable { return std::move(owned); });
    REQUIRE(back);
    CHECK(*back == 8);
    bool ran = false;
    co_await self.blocking([&] { ran = true; });
    CHECK(ran);
  });
}

TEST_CASE("what a blocking function throws is thrown where the process waits") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    CHECK_THROWS_WITH(
        co_await self.blocking([]() -> int { throw std::runtime_error("disk full"); }),
        "disk full");
    CHECK_THROWS_AS(co_await self.blocking([] { throw std::invalid_argument("void too"); }),
                    std::invalid_argument);
    CHECK(co_await self.blocking([] { return 1; }) == 1);  // the pool and the process live on
    self.spawn_with({.monitor = true}, [](context me) -> process {
      co_await me.blocking([] { throw std::runtime_error("not caught"); });
    });
    CHECK((co_await self.receive<troupe::down>()).reason ==
          exit_reason::error("std::runtime_error", "not caught"));
  });
}

TEST_CASE("a blocking function runs on a named thread of the pool and not inside a process") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto here = std::this_thread::get_id();
    co_await self.blocking([&] {
      CHECK(std::this_thread::get_id() != here);
      CHECK(thread_name() == "troupe-block");
      CHECK_THROWS_AS(context::current(), std::logic_error);
    });
    CHECK(context::current().id() == self.id());
  });
}

TEST_CASE("while functions block, all workers run other processes") {
  gate g;
  checked_system sys({.workers = 1});
  sys->run([&](context self) -> task<> {
    constexpr int blocked = 5;
    for (int i = 0; i < blocked; ++i)
      self.spawn(
          [&g](context me, pid report) -> process {
            co_await me.blocking([&g] { g.pass(); });
            me.send(report, done{0});
          },
          self.id());
    co_await self.blocking([&] { g.await_inside(blocked); });
    const pid p = self.spawn(idler);
    for (int i = 0; i < 100; ++i) co_await self.call(p, are_you_there{});
    CHECK(!co_await self.receive_within<done>(0ms));
    g.open();
    for (int i = 0; i < blocked; ++i) (void)co_await self.receive<done>();
  });
}

TEST_CASE("more blocking calls than threads wait their turn, and the pool keeps to its limit") {
  constexpr int limit = 3, calls = 20;
  gate g;
  checked_system sys({.workers = 2, .blocking_threads = limit});
  const auto sum = sys->run([&](context self) -> task<int> {
    for (int i = 0; i < calls; ++i)
      self.spawn(
          [&g, i](context me, pid report) -> process {
            me.send(report, done{co_await me.blocking([&g, i] {
                      g.pass();
                      return i;
                    })});
          },
          self.id());
    while (g.entered() < limit) co_await self.yield();
    for (int i = 0; i < 300; ++i) co_await self.yield();
    CHECK(g.entered() == limit);
    g.open();
    int total = 0;
    for (int i = 0; i < calls; ++i) total += (co_await self.receive<done>()).value;
    co_return total;
  });
  CHECK(sum == calls * (calls - 1) / 2);
  CHECK(g.most() == limit);
}

TEST_CASE("the pool starts no second thread for calls that come one after the other") {
  checked_system sys;
  const auto threads = sys->run([](context self) -> task<std::size_t> {
    std::set<std::thread::id> used;
    for (int i = 0; i < 2; ++i)
      used.insert(co_await self.blocking([] { return std::this_thread::get_id(); }));
    co_return used.size();
  });
  CHECK(threads <= 2);
}

TEST_CASE("blocking calls of one thread are served in the order in which they were made") {
  checked_system sys({.workers = 1, .blocking_threads = 1});
  std::vector<int> order;  // touched by the one thread of the pool
  sys->run([&](context self) -> task<> {
    gate g;
    self.spawn([&](context me) -> process { co_await me.blocking([&] { g.pass(); }); });
    for (int turns = 0; turns < 20; ++turns) co_await self.yield();
    for (int i = 0; i < 10; ++i) {
      self.spawn(
          [&order, i](context me, pid report) -> process {
            co_await me.blocking([&order, i] { order.push_back(i); });
            me.send(report, done{i});
          },
          self.id());
      for (int turns = 0; turns < 20; ++turns) co_await self.yield();  // it has asked now
    }
    g.open();
    for (int i = 0; i < 10; ++i) (void)co_await self.receive<done>();
  });
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a process that is killed while it blocks ends when its function has returned") {
  std::atomic<int> living{0};
  gate g;
  checked_system sys;
  sys->run([&](context self) -> task<> {
    std::atomic<bool> went_on{false};
    const auto p = self.spawn_monitor([&](context me) -> process {
      const tracked local(living);
      co_await me.blocking([&g, held = tracked(living)] { g.pass(); });
      went_on = true;
    });
    co_await self.blocking([&] { g.await_inside(1); });
    self.exit(p.id, exit_reason::kill);
    for (int i = 0; i < 300; ++i) co_await self.yield();
    CHECK(!co_await self.receive_within<troupe::down>(0ms));
    CHECK(living >= 2);  // its own local, and what the function holds
    g.open();
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::killed);
    CHECK(living == 0);
    CHECK(!went_on);
  });
}

TEST_CASE("a system that stops waits for the functions that block") {
  std::atomic<int> finished{0};
  gate g;
  std::thread opener;
  {
    checked_system sys({.blocking_threads = 2});
    for (int i = 0; i < 6; ++i)  // some of them have not begun when the system stops
      sys->spawn([&](context me) -> process {
        co_await me.blocking([&] {
          g.pass();
          ++finished;
        });
      });
    g.await_inside(2);
    opener = std::thread([&] { g.open(); });
  }
  opener.join();
  CHECK(finished == 6);
}

TEST_CASE("a system without threads for blocking calls is refused with the name of the option") {
  CHECK_THROWS_WITH(troupe::system({.workers = 1, .blocking_threads = 0}),
                    matchers::ContainsSubstring("blocking_threads must be 1 or more"));
}
