#include <algorithm>
#include <vector>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::pid;
using troupe::task;

// --- skynet --------------------------------------------------------------------------------------

constexpr std::int64_t branches = 10;

struct value {
  std::int64_t sum;
};

troupe::process leaf_or_branch(context self, pid parent, std::int64_t number, std::int64_t size) {
  if (size == 1) {
    self.send(parent, value{number});
    co_return;
  }
  const std::int64_t part = size / branches;
  for (std::int64_t i = 0; i < branches; ++i)
    self.spawn(leaf_or_branch, self.id(), number + i * part, part);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < branches; ++i) sum += (co_await self.receive<value>()).sum;
  self.send(parent, value{sum});
}

// --- processes that wait -------------------------------------------------------------------------

struct stop {};
struct number {
  using reply = std::int64_t;
};

troupe::process wait_for_stop(context self) { (void)co_await self.receive<stop>(); }

class holds_int : public troupe::server {
 public:
  using handles = troupe::messages<stop, number>;
  explicit holds_int(std::int32_t start) : value_(start) {}
  void handle(stop) { self.exit(troupe::exit_reason::normal); }
  std::int64_t handle(number) { return value_; }

 private:
  std::int32_t value_;
};

// Not inline, so that cmake/bench_instructions.sh can count what a spawn costs.
template <class Spawn>
[[gnu::noinline]] void spawn_all(context self, std::vector<pid>& made, Spawn spawn_one) {
  for (pid& p : made) p = spawn_one(self);
}

struct idle_cost {
  double ns_each;
  double bytes_each;
};

// Spawns so many by `spawn_one(self)`, which gives a pid, and makes sure that all of them wait.
template <class Spawn>
idle_cost measure_idle(run& bench, Spawn spawn_one) {
  const std::int64_t count = bench.times(1'000'000);
  troupe::system system(bench.options());
  std::vector<pid> made(static_cast<std::size_t>(count));  // touched before memory is looked at
  const std::int64_t before = resident_bytes();
  double each = 0;
  system.run([&](context self) -> task<> {
    each = ns_each(count, [&] { spawn_all(self, made, spawn_one); });
    co_return;
  });
  const auto alive = [&] { return system.counts().processes; };
  expect_soon("the number of processes that wait", alive, count);
  until_quiet();
  const std::int64_t growth = resident_bytes() - before;
  for (const pid p : made) system.send(p, stop{});
  expect_soon("the number of processes that did not stop", alive, 0);
  return {each, static_cast<double>(growth) / static_cast<double>(count)};
}

idle_cost idle_coroutines(run& bench) {
  return measure_idle(bench, [](context self) { return self.spawn(wait_for_stop); });
}

// --- processes that end --------------------------------------------------------------------------

struct done {};

troupe::process end_at_once(context self, pid parent) {
  self.send(parent, done{});
  co_return;
}

}  // namespace

void skynet(run& bench) {
  std::int64_t leaves = 1;  // a power of the number of branches
  while (leaves * branches <= bench.times(1'000'000)) leaves *= branches;
  troupe::system system(bench.options());
  bench.report(seconds_of([&] {
                 system.run([&](context self) -> task<> {
                   self.spawn(leaf_or_branch, self.id(), std::int64_t{0}, leaves);
                   expect_equal("the sum of all leaves", (co_await self.receive<value>()).sum,
                                leaves * (leaves - 1) / 2);
                 });
               }),
               "s");
}

void spawn_idle(run& bench) { bench.report(idle_coroutines(bench).ns_each, "ns/spawn"); }

void idle_memory(run& bench) { bench.report(idle_coroutines(bench).bytes_each, "B/process"); }

void idle_server_memory(run& bench) {
  bench.report(
      measure_idle(bench, [](context self) { return self.spawn<holds_int>(42).id(); }).bytes_each,
      "B/process");
}

void spawn_exit(run& bench) {
  const std::int64_t count = bench.times(1'000'000);
  constexpr std::int64_t wave = 1'000;  // how many are alive at once
  troupe::system system(bench.options());
  bench.report(ns_each(count,
                       [&] {
                         system.run([&](context self) -> task<> {
                           for (std::int64_t left = count; left > 0; left -= wave) {
                             const std::int64_t now = std::min(left, wave);
                             for (std::int64_t i = 0; i < now; ++i)
                               self.spawn(end_at_once, self.id());
                             for (std::int64_t i = 0; i < now; ++i)
                               (void)co_await self.receive<done>();
                           }
                         });
                       }),
               "ns/process");
  expect_soon(
      "the number of processes that did not end", [&] { return system.counts().processes; }, 0);
}

}  // namespace bench
