#include <algorithm>
#include <chrono>
#include <thread>
#include <troupe/net/node.hpp>
#include <vector>

#include "workloads.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
using troupe::context;
using troupe::pid;
using troupe::task;

struct ping {
  pid from;
};
struct pong {};
struct work {
  std::uint32_t state;
};
struct stop {};

// Some microseconds of arithmetic that depends on itself.
std::uint32_t compute(std::uint32_t state) {
  for (int i = 0; i < 1'000; ++i) state = state * 1'664'525U + 1'013'904'223U;
  return state;
}

// A handler after the other, for ever, without giving way by itself.
troupe::process computes(context self) {
  self.send(self, work{1});
  for (;;) {
    const auto m = co_await self.receive<work>();
    self.send(self, work{compute(m.state)});
  }
}

troupe::process answer(context self) {
  for (;;) self.send((co_await self.receive<ping>()).from, pong{});
}

struct latencies {
  std::vector<double> pings;   // microseconds from the ping to its answer
  std::vector<double> sleeps;  // microseconds by which a sleep was longer than asked for
};

double microseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

task<latencies> ping_now_and_then(context self, std::int64_t pings) {
  const pid peer = self.spawn(answer);
  latencies seen;
  for (std::int64_t i = 0; i < pings; ++i) {
    const auto asleep = self.now();
    co_await self.sleep(1ms);
    const auto start = self.now();
    self.send(peer, ping{self});
    (void)co_await self.receive<pong>();
    seen.sleeps.push_back(microseconds(start - asleep - 1ms));
    seen.pings.push_back(microseconds(self.now() - start));
  }
  co_return seen;
}

double percentile(std::vector<double> values, std::size_t percent) {
  std::ranges::sort(values);
  return values[(values.size() - 1) * percent / 100];
}

// Microseconds that a process may compute before others have their turn: 64 messages.
double slice_microseconds() {
  constexpr int slice = 64;
  constexpr int slices = 100;
  std::uint32_t state = 1;
  const double taken = seconds_of([&] {
    for (int i = 0; i < slice * slices; ++i) state = compute(state);
  });
  if (state == 1) wrong("the generator has come back to its start");
  return taken * 1e6 / slices;
}

troupe::process wait_for_stop(context self) { (void)co_await self.receive<stop>(); }

}  // namespace

void mixed(run& bench) {
  constexpr int busy = 1'000;
  const std::int64_t pings = bench.times(1'000);
  troupe::system system(bench.options());
  const auto seen = system.run([&](context self) -> task<latencies> {
    std::vector<pid> all(busy);
    for (pid& p : all) p = self.spawn(computes);
    auto result = co_await ping_now_and_then(self, pings);
    for (const pid p : all) self.exit(p, troupe::exit_reason::kill);
    co_return result;
  });
  expect_equal("answered pings", std::ssize(seen.pings), pings);
  const double p99 = percentile(seen.pings, 99);
  bench.report(p99, "us, 99th percentile");
  bench.report(percentile(seen.pings, 50), "us, median", "_p50");
  bench.report(p99 / slice_microseconds(), "budget slices, 99th percentile", "_slices");
  bench.report(percentile(seen.sleeps, 99), "us that a sleep is late, 99th percentile", "_late");
}

void idle(run& bench) {
  const std::int64_t processes = bench.times(100'000);
  troupe::system system(bench.options());
  const troupe::net::node node(
      system, {.name = "idle@127.0.0.1:0", .cookie = "the cookie of troupe-bench"});
  for (std::int64_t i = 0; i < processes; ++i) system.spawn(wait_for_stop);
  until_quiet();
  const std::int64_t before = system.counts().processes;
  const double used_before = cpu_seconds();
  const double looked = seconds_of(
      [&] { std::this_thread::sleep_for(std::chrono::duration<double>(bench.chosen().seconds)); });
  const double used = cpu_seconds() - used_before;
  if (before < processes) wrong("a process that waits has ended");
  expect_equal("the number of processes", system.counts().processes, before);
  bench.report(100 * used / looked, "% of a core");
}

}  // namespace bench
