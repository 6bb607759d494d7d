#include <troupe/sim/simulation.hpp>

#include "support.hpp"

#include <map>
#include <random>

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::sim::schedule;
using troupe::sim::simulation;

namespace {

struct note {
  int from = 0;
  int number = 0;
};

// Several processes that link, monitor, call, time out and end by chance.
process restless(context self, int depth) {
  self.trap_exits(self.random() % 2 == 0);
  for (int i = 0; i < 20; ++i) {
    switch (self.random() % 6) {
      case 0:
        if (depth > 0) self.spawn_link(restless, depth - 1);
        break;
      case 1:
        if (depth > 0) (void)self.spawn_monitor(restless, depth - 1);
        break;
      case 2: co_await self.sleep(std::chrono::microseconds(self.random() % 5000)); break;
      case 3: self.send(self.parent(), note{1, i}); break;
      case 4: (void)co_await self.receive_within<note>(std::chrono::microseconds(300)); break;
      default: co_await self.yield();
    }
  }
  if (self.random() % 4 == 0) throw std::runtime_error("by chance");
}

std::uint64_t hash_of_run(std::uint64_t seed) {
  simulation sim({.seed = seed});
  {
    troupe::system sys(sim.add_host("one").options());
    for (int i = 0; i < 3; ++i) sys.spawn(restless, 3);
    sim.run_for(5s);
    CHECK(sys.counts().processes == 0);
  }
  return sim.hash();
}

}  // namespace

TEST_CASE("an hour of virtual time passes without an hour of waiting") {
  simulation sim;
  troupe::system sys(sim.add_host("one").options());
  const auto start = sim.now();
  int woken = 0;
  sys.spawn([&woken](context self) -> process {
    for (int i = 0; i < 60; ++i) {
      co_await self.sleep(1min);
      ++woken;
    }
  });
  sim.run_for(1h + 1s);
  CHECK(woken == 60);
  CHECK(sim.now() - start == 1h + 1s);
}

TEST_CASE("the same seed gives the same run and another seed another one") {
  std::map<std::uint64_t, std::uint64_t> seen;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t hash = hash_of_run(seed);
    CHECK(hash_of_run(seed) == hash);
    CHECK(seen.emplace(hash, seed).second);
  }
}

TEST_CASE("functions that wait on a thread drive the simulation") {
  simulation sim;
  troupe::system sys(sim.add_host("one").options());
  const int sum = sys.run([](context self) -> task<int> {
    co_await self.sleep(10min);
    co_return co_await self.blocking([] { return 3; }) + 4;
  });
  CHECK(sum == 7);
}

TEST_CASE("a blocking call may wait for the system whose process makes it") {
  simulation sim;
  troupe::system sys(sim.add_host("one").options());
  const pid other = sys.spawn(idler);
  sys.run([&](context self) -> task<> {
    co_await self.blocking([&] { sys.call(other, are_you_there{}); });
    CHECK_THROWS_WITH(sys.call(other, are_you_there{}),
                      matchers::ContainsSubstring("must not be used inside"));
  });
}

TEST_CASE("what runs may take its time and then what fell due meanwhile is late") {
  simulation sim;
  troupe::system sys(sim.add_host("one").options());
  sys.run([&](context self) -> task<> {
    const auto start = self.now();
    self.send_after(1s, self, note{1, 2});
    sim.spend(1min);
    CHECK(self.now() - start == 1min);
    (void)co_await self.receive<note>();
    CHECK(self.now() - start < 1min + 1ms);
  });
}

TEST_CASE("waiting for what never happens is an error and not a hang") {
  simulation sim;
  auto& host = sim.add_host("one");
  troupe::system sys(host.options());
  host.pause();
  CHECK_THROWS_WITH(sys.run([](context) -> task<> { co_return; }),
                    matchers::ContainsSubstring("the simulation has come to a stop"));
  host.resume();
}

TEST_CASE("a paused host does nothing until it is resumed and then what it missed") {
  simulation sim;
  auto& host = sim.add_host("one");
  troupe::system sys(host.options());
  int ticks = 0;
  sys.spawn([&ticks](context self) -> process {
    for (;;) {
      co_await self.sleep(1s);
      ++ticks;
    }
  });
  sim.run_for(10s);
  const int before = ticks;
  CHECK(before >= 9);
  host.pause();
  sim.run_for(1h);
  CHECK(ticks == before);
  host.resume();
  sim.run_for(500ms);
  CHECK(ticks == before + 1);
}

TEST_CASE("different seeds find both orders of two messages that race") {
  std::map<int, int> first;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    simulation sim({.seed = seed});
    troupe::system sys(sim.add_host("one").options());
    first[sys.run([](context self) -> task<int> {
      for (int i = 1; i <= 2; ++i)
        self.spawn(
            [i](context me, pid to) -> process {
              me.send(to, note{i, 0});
              co_return;
            },
            self.id());
      co_return (co_await self.receive<note>()).from;
    })]++;
  }
  CHECK(first[1] > 5);
  CHECK(first[2] > 5);
}

TEST_CASE("a process that never waits does not stop the others under any schedule") {
  for (const auto how :
       {schedule::in_order, schedule::uniform, schedule::priorities, schedule::starve})
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      simulation sim({.seed = seed, .turns = how});
      troupe::system sys(sim.add_host("one").options());
      sys.spawn([](context self) -> process {
        for (;;) co_await self.yield();
      });
      bool done = false;
      sys.spawn([&done](context self) -> process {
        for (int i = 0; i < 3; ++i) co_await self.sleep(1ms);
        done = true;
      });
      CHECK(sim.run_until([&] { return done; }, 1min));
    }
}

TEST_CASE("the history names processes and messages and the trace is for Perfetto") {
  simulation sim;
  troupe::system sys(sim.add_host("one").options());
  const pid p = sys.spawn(idler);
  sys.send(p, note{1, 2});
  sys.call(p, are_you_there{});
  CHECK_THAT(sim.history(), matchers::ContainsSubstring("one/") &&
                                matchers::ContainsSubstring("note") &&
                                matchers::ContainsSubstring("are_you_there"));
  CHECK_THAT(sim.trace_json(), matchers::StartsWith("{\"traceEvents\":["));
}

TEST_CASE("a simulated process that asks the real world for time or chance or sleep ends the run") {
  const auto calls = std::map<std::string, void (*)()>{
      {"clock_gettime", [] { (void)std::chrono::steady_clock::now(); }},
      {"nanosleep", [] { std::this_thread::sleep_for(1h); }},
      {"std::random_device", [] { (void)std::random_device{}(); }},
      {"rand", [] { (void)std::rand(); }},
  };
  for (const auto& [name, call] : calls) {
    simulation sim;
    troupe::system sys(sim.add_host("one").options());
    sys.spawn([what = call](context) -> process {
      what();
      co_return;
    });
    CHECK_THROWS_WITH(sim.run_for(1s), matchers::ContainsSubstring("calls ") &&
                                           matchers::ContainsSubstring(name) &&
                                           matchers::ContainsSubstring("self.now()"));
    sim.stop_checking();
  }
  (void)std::chrono::steady_clock::now();  // elsewhere they are free
}
