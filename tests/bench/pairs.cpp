#include <algorithm>
#include <thread>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::pid;
using troupe::task;

struct ping {
  pid from;
  std::int64_t number;
};
struct pong {
  std::int64_t number;
};
struct done {};

troupe::process answer(context self) {
  for (;;) {
    const auto asked = co_await self.receive<ping>();
    self.send(asked.from, pong{asked.number});
  }
}

troupe::process ask(context self, pid peer, std::int64_t round_trips, pid parent) {
  for (std::int64_t i = 0; i < round_trips; ++i) {
    self.send(peer, ping{self, i});
    expect_equal("the number in a pong", (co_await self.receive<pong>()).number, i);
  }
  self.exit(peer, troupe::exit_reason::kill);
  self.send(parent, done{});
}

// Nanoseconds a message while so many pairs play at once.
double play(const troupe::system_options& options, int pairs, std::int64_t round_trips) {
  troupe::system system(options);
  return ns_each(2 * round_trips * pairs, [&] {
    system.run([&](context self) -> task<> {
      for (int i = 0; i < pairs; ++i) self.spawn(ask, self.spawn(answer), round_trips, self.id());
      for (int i = 0; i < pairs; ++i) (void)co_await self.receive<done>();
    });
  });
}

}  // namespace

void ping_pong(run& bench) {
  bench.report(play(bench.options(), 1, bench.times(1'000'000)), "ns/message");
}

void ping_pong_64(run& bench) {
  bench.report(play(bench.options(), 64, bench.times(100'000)), "ns/message");
}

void scaling(run& bench) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t workers = 1; workers <= cores; ++workers)
    bench.report(play(options_of(workers), 64, bench.times(100'000)), "ns/message",
                 "_" + std::to_string(workers));
}

}  // namespace bench
