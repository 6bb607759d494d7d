// A system as a whole: its options, its start and stop, what it counts.
#include "core/support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::exit_reason;
using troupe::log_level;
using troupe::pid;
using troupe::process;
using troupe::system_options;
using troupe::task;

namespace {

struct number {
  int value;
};

system_options logging_to(const std::shared_ptr<recorded_log>& log, system_options options = {}) {
  options.log = log;
  return options;
}

}  // namespace

TEST_CASE("options out of range are refused with a text that names the option and its range") {
  const auto refused = [](system_options options) { troupe::system sys(std::move(options)); };
  CHECK_THROWS_WITH(refused({.workers = 65}),
                    ContainsSubstring("system_options::workers is 65; at most 64"));
  CHECK_THROWS_WITH(refused({.max_processes = 0}),
                    ContainsSubstring("system_options::max_processes is 0; 1 to 2147483648"));
  CHECK_THROWS_WITH(refused({.max_processes = (std::size_t{1} << 31) + 1}),
                    ContainsSubstring("max_processes is 2147483649"));
  CHECK_THROWS_WITH(refused({.blocking_threads = 0}),
                    ContainsSubstring("system_options::blocking_threads must be 1 or more"));
}

TEST_CASE("a system has the workers asked for, one for each core unless told, 64 at most") {
  for (const std::size_t workers : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    checked_system sys({.workers = workers});
    CHECK(sys->workers() == workers);
    CHECK(sys->run([](context) -> task<int> { co_return 7; }) == 7);
  }
  checked_system sys;
  CHECK(sys->workers() >= 1);
}

TEST_CASE("a system that nobody used stops, a hundred times") {
  for (int i = 0; i < 100; ++i) {
    troupe::system sys({.workers = 2});
    CHECK(sys.counts() == troupe::system_counts{});
  }
}

TEST_CASE("run gives the result, also one that can only be moved, and passes exceptions on") {
  checked_system sys;
  const auto moved = sys->run([](context self) -> task<std::unique_ptr<int>> {
    co_await self.yield();
    co_return std::make_unique<int>(5);
  });
  CHECK(*moved == 5);
  CHECK_THROWS_WITH(sys->run([](context self) -> task<int> {
    co_await self.yield();
    throw std::out_of_range("passed on");
  }),
                    "passed on");
  // What is caught by the caller is not reported as a crash too.
  CHECK(sys.log->text().empty());
}

TEST_CASE("run may be called by many threads at once") {
  checked_system sys({.workers = 2});
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&sys, &sum, t] {
      for (int i = 0; i < 50; ++i)
        sum += sys->run([t](context self) -> task<int> {
          self.send(self, number{t});
          co_return (co_await self.receive<number>()).value;
        });
    });
  for (auto& t : threads) t.join();
  CHECK(sum == 50 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7));
}

TEST_CASE("run inside a process of another system is fine") {
  checked_system outer, inner;
  CHECK(outer->run([&](context) -> task<int> {
    co_return inner->run([](context) -> task<int> { co_return 3; });
  }) == 3);
}

TEST_CASE("counts tell what lives now: processes, links, monitors, names and timers") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    const pid a = self.spawn_link(idler);
    (void)self.monitor(a);
    self.register_as("counted");
    self.send_after(1h, a, number{1});
    const auto now = self.system().counts();
    CHECK(now.processes == 2);
    CHECK(now.links == 2);
    CHECK(now.monitors == 1);
    CHECK(now.names == 1);
    CHECK(now.timers == 1);
    co_return;
  });
  // All that this process had ended with it; the idler was linked and its peer ended normally.
  sys.await_counts({.processes = 1});
}

TEST_CASE("a message to a process that has ended is counted as dropped, a signal is not") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid gone = self.spawn([](context) -> process { co_return; });
    (void)co_await end_of(self, gone);
    const auto before = self.system().counts().messages_dropped;
    self.send(gone, number{1});
    CHECK(!co_await self.try_call(gone, are_you_there{}));
    self.exit(gone, exit_reason::kill);
    self.demonitor(self.monitor(gone));
    CHECK(self.system().counts().messages_dropped == before + 2);
  });
}

TEST_CASE("alive tells whether a process has not ended") {
  checked_system sys;
  const pid p = sys->spawn(idler);
  CHECK(sys->alive(p));
  CHECK(!sys->alive(pid{}));
  sys->exit(p, exit_reason::kill);
  sys.await_counts({});
  CHECK(!sys->alive(p));
}

TEST_CASE("a system that stops ends all its processes, those that trap exits too") {
  std::atomic<int> living{0};
  const auto log = std::make_shared<recorded_log>();
  {
    troupe::system sys(logging_to(log, {.workers = 4}));
    for (int i = 0; i < 20'000; ++i)
      sys.spawn([&living, i](context me) -> process {
        const tracked held(living);
        me.trap_exits(i % 2 == 0);
        if (i % 10 == 0) me.spawn_link(trapping_idler);
        for (;;) co_await me.receive([](troupe::message) {});
      });
  }
  CHECK(living == 0);
  CHECK(log->text().empty());
}

TEST_CASE("a system that stops ends processes that keep on spawning others") {
  std::atomic<int> living{0};
  {
    troupe::system sys({.workers = 2});
    struct family {
      static process member(context self, std::atomic<int>* count) {
        const tracked held(*count);
        self.trap_exits(true);
        for (;;) {
          self.spawn([count](context me) -> process {
            const tracked child(*count);
            co_await me.sleep(1h);
          });
          co_await self.sleep(1ms);
        }
      }
    };
    for (int i = 0; i < 10; ++i) sys.spawn(family::member, &living);
    sys.run([](context self) -> task<> { co_await self.sleep(5ms); });
    CHECK(living > 0);
  }
  CHECK(living == 0);
}

TEST_CASE("a system that stops is not held up by processes that spawn under a name that is taken") {
  for (int round = 0; round < 50; ++round) {
    troupe::system sys({.workers = 4, .log = std::make_shared<recorded_log>()});
    sys.spawn_with({.name = "taken"}, idler);
    for (int i = 0; i < 4; ++i)
      sys.spawn([](context self) -> process {
        for (;;) {
          try {
            self.spawn_with({.name = "taken"}, idler);
          } catch (const troupe::name_taken&) {
          }
          co_await self.yield();
        }
      });
  }
  SUCCEED("all have stopped");
}

TEST_CASE("a system that stops lets a process that ends normally do so, and destroys its mailbox") {
  std::atomic<int> living{0};
  {
    troupe::system sys;
    const pid p = sys.spawn([](context me) -> process { co_await me.sleep(1h); });
    for (int i = 0; i < 1000; ++i) sys.send(p, tracked(living));
  }
  CHECK(living == 0);
}

TEST_CASE("a process that does not return holds a stopping system up, which says so by its pid") {
  const auto log = std::make_shared<recorded_log>();
  std::atomic<bool> go{false};
  pid stays;
  std::atomic<bool> stopped{false};
  std::thread stopper;
  {
    auto sys = std::make_unique<troupe::system>(logging_to(log, {.stop_report_after = 1ms}));
    std::atomic<bool> there{false};
    stays = sys->spawn([&](context me) -> process {
      co_await me.blocking([&] {
        there = true;
        there.notify_all();
        go.wait(false);
      });
    });
    there.wait(false);
    stopper = std::thread([&, owned = std::move(sys)]() mutable {
      owned.reset();
      stopped = true;
    });
    const std::string report =
        "waits for 1 processes that do not return from what they do: " + troupe::to_string(stays);
    while (log->text(log_level::warning).find(report) == std::string::npos)
      std::this_thread::yield();
    CHECK(!stopped);
    go = true;
    go.notify_all();
  }
  stopper.join();
  CHECK(stopped);
}

TEST_CASE("a system that is stopping starts no more processes from outside, and says why") {
  std::string refusal;
  {
    std::atomic<bool> there{false};
    troupe::system sys;
    sys.spawn([&](context me) -> process {
      // A thread of the blocking pool, which the stop waits for.
      co_await me.blocking([&, &home = me.system()] {
        there = true;
        there.notify_all();
        try {
          for (;;) home.spawn([](context) -> process { co_return; });
        } catch (const std::runtime_error& e) {
          refusal = e.what();
        }
      });
    });
    there.wait(false);
  }
  CHECK_THAT(refusal, ContainsSubstring("the system is stopping"));
}

TEST_CASE("two systems in one program keep their processes, names and logs apart") {
  checked_system a({.workers = 2}), b({.workers = 2});
  const pid in_a = a->spawn_with({.name = "server"}, idler);
  CHECK(!b->whereis("server"));
  const pid in_b = b->spawn_with({.name = "server"}, trapping_idler);
  CHECK(a->whereis("server") == in_a);
  CHECK(b->whereis("server") == in_b);
  a->exit(a->whereis("server"), exit_reason::kill);
  a.await_counts({});
  b->call("server", are_you_there{});
  CHECK(b->counts().processes >= 1);

  // A process of one may use the other as any thread does.
  a->run([&](context) -> task<> {
    b->send("server", number{1});
    const pid made = b->spawn(idler);
    CHECK(b->alive(made));
    b->exit(made, exit_reason::kill);
    co_return;
  });
  a->spawn([](context) -> process {
    throw std::runtime_error("in a");
    co_return;
  });
  a.await_counts({});
  CHECK_THAT(a.log->text(), ContainsSubstring("in a"));
  CHECK(b.log->text().empty());
  a->log(log_level::warning, "to a");
  CHECK_THAT(a.log->text(), ContainsSubstring("to a"));
}

TEST_CASE("the clock and the entropy that a system was given are those that its processes see") {
  struct fixed_clock final : troupe::clock {
    troupe::steady_time now() const noexcept override { return troupe::steady_time(42s); }
    std::chrono::system_clock::time_point wall() const noexcept override { return {}; }
  };
  struct fixed_entropy final : troupe::entropy {
    void secret(std::span<std::byte>) override {}
    std::uint64_t cheap() noexcept override { return 4; }
  };
  const auto time = std::make_shared<fixed_clock>();
  const auto random = std::make_shared<fixed_entropy>();
  checked_system sys({.time = time, .random = random});
  CHECK(sys->time() == time);
  CHECK(sys->random() == random);
  sys->run([](context self) -> task<> {
    CHECK(self.now() == troupe::steady_time(42s));
    CHECK(self.random() == 4);
    co_return;
  });
}
