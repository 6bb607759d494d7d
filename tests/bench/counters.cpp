#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::pid;
using troupe::task;

struct add {
  std::int64_t by;
};
struct get {
  using reply = std::int64_t;
};
struct done {};

troupe::process counter(context self) {
  std::int64_t count = 0;
  for (;;)
    co_await self.receive([&](add m) { count += m.by; },
                          [&](troupe::request<get> asked) { asked.reply(count); });
}

// Not inline, so that cmake/bench_instructions.sh can count what a send costs.
[[gnu::noinline]] void send_burst(context self, pid to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) self.send(to, add{1});
}

// Sends `bursts` times `burst` messages; between bursts others have their turn.
troupe::process produce(context self, pid to, std::int64_t bursts, std::int64_t burst, pid parent) {
  for (std::int64_t i = 0; i < bursts; ++i) {
    if (i > 0) co_await self.yield();
    send_burst(self, to, burst);
  }
  self.send(parent, done{});
}

// Nanoseconds a message until the counter has counted all.
double count_from(run& bench, int producers, std::int64_t bursts, std::int64_t burst) {
  const std::int64_t total = producers * bursts * burst;
  troupe::system system(bench.options());
  return ns_each(total, [&] {
    system.run([&](context self) -> task<> {
      const pid target = self.spawn(counter);
      for (int i = 0; i < producers; ++i) self.spawn(produce, target, bursts, burst, self.id());
      for (int i = 0; i < producers; ++i) (void)co_await self.receive<done>();
      expect_equal("the count", co_await self.call(target, get{}, troupe::infinity), total);
    });
  });
}

}  // namespace

void flood(run& bench) {
  const std::int64_t count = bench.times(5'000'000);
  troupe::system system(bench.options());
  bench.report(ns_each(count,
                       [&] {
                         const pid target = system.spawn(counter);
                         for (std::int64_t i = 0; i < count; ++i) system.send(target, add{1});
                         expect_equal("the count", system.call(target, get{}, troupe::infinity),
                                      count);
                       }),
               "ns/message");
}

void fan_in(run& bench) {
  bench.report(count_from(bench, 64, 1, bench.times(100'000)), "ns/message");
}

void bang(run& bench) { bench.report(count_from(bench, 500, bench.times(20), 200), "ns/message"); }

}  // namespace bench
