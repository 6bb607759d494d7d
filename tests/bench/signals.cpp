#include <chrono>
#include <vector>

#include "workloads.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
using troupe::context;
using troupe::pid;
using troupe::task;

struct watch {
  pid target;
};
struct ready {};
struct done {};

// --- links and monitors --------------------------------------------------------------------------

troupe::process wait_for_the_end(context self) { co_await self.sleep(troupe::infinity); }

troupe::process watcher(context self, pid parent) {
  self.trap_exits(true);
  for (;;) {
    const pid target = (co_await self.receive<watch>()).target;
    self.link(target);
    const auto ref = self.monitor(target);
    self.send(parent, ready{});
    if ((co_await self.receive<troupe::exit_signal>()).from != target)
      wrong("an exit signal of another process");
    if ((co_await self.receive<troupe::down>()).ref != ref) wrong("a down of another monitor");
    self.send(parent, done{});
  }
}

task<> run_link_storm(context self, std::size_t watchers, std::int64_t rounds) {
  std::vector<pid> all(watchers);
  for (pid& p : all) p = self.spawn(watcher, self.id());
  for (std::int64_t round = 0; round < rounds; ++round) {
    const pid target = self.spawn(wait_for_the_end);
    for (const pid p : all) self.send(p, watch{target});
    for (std::size_t i = 0; i < watchers; ++i) (void)co_await self.receive<ready>();
    self.exit(target, troupe::exit_reason::kill);
    for (std::size_t i = 0; i < watchers; ++i) (void)co_await self.receive<done>();
  }
}

// --- selective receive ---------------------------------------------------------------------------

struct item {
  std::int64_t number;
};
constexpr std::int64_t the_wanted = -1;

// Sends one at a time, so that the receiver looks at each as it comes.
troupe::process send_items(context self, pid to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    self.send(to, item{i});
    co_await self.yield();
  }
  self.send(to, item{the_wanted});
}

// Nanoseconds for each message that is skipped: sent, looked at, kept, and taken in its turn later.
double skip(run& bench, std::int64_t count) {
  troupe::system system(bench.options());
  return ns_each(count, [&] {
    system.run([&](context self) -> task<> {
      self.spawn(send_items, self.id(), count);
      (void)co_await self.receive<item>([](const item& m) { return m.number == the_wanted; });
      for (std::int64_t i = 0; i < count; ++i)
        expect_equal("a message that was skipped", (co_await self.receive<item>()).number, i);
    });
  });
}

}  // namespace

void link_storm(run& bench) {
  constexpr int watchers = 1'000;
  const std::int64_t rounds = bench.times(200);
  troupe::system system(bench.options());
  bench.report(
      ns_each(watchers * rounds,
              [&] {
                system.run([&](context self) { return run_link_storm(self, watchers, rounds); });
              }),
      "ns/link and monitor");
  expect_soon("ends of links that are left", [&] { return system.counts().links; }, 0);
  expect_soon("monitors that are left", [&] { return system.counts().monitors; }, 0);
}

void timers_cancel(run& bench) {
  const std::int64_t count = bench.times(1'000'000);
  troupe::system system(bench.options());
  std::vector<troupe::timer_ref> armed(static_cast<std::size_t>(count));
  bench.report(ns_each(count,
                       [&] {
                         system.run([&](context self) -> task<> {
                           for (std::size_t i = 0; i < armed.size(); ++i)
                             armed[i] = self.send_after(1h + i * 1us, self.id(), done{});
                           expect_equal("armed timers", self.system().counts().timers, count);
                           std::int64_t cancelled = 0;
                           for (const auto timer : armed) cancelled += self.cancel(timer) ? 1 : 0;
                           expect_equal("cancelled timers", cancelled, count);
                           co_return;
                         });
                       }),
               "ns/timer");
  expect_equal("timers that are left", system.counts().timers, 0);
}

void selective(run& bench) {
  for (const std::int64_t count : {10'000, 100'000})
    bench.report(skip(bench, bench.times(count)), "ns/skipped message",
                 "_" + std::to_string(bench.times(count)));
}

}  // namespace bench
