#include <string>
#include <troupe/net/peer.hpp>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::infinity;
using troupe::pid;
using troupe::task;

constexpr const char* far_process = "bench";

// In a namespace of their own: what crosses the network is known by its name, and other workloads
// have a ping, too.
namespace wire {

struct where {
  using reply = pid;
};
struct ping {
  pid from;
  std::int64_t number;
};
struct pong {
  std::int64_t number;
};
struct add {
  std::int64_t by;
};
struct get {
  using reply = std::int64_t;
};
struct blob {
  pid from;
  std::string bytes;
};
struct blob_back {
  std::string bytes;
};

}  // namespace wire

using namespace wire;  // NOLINT(google-build-using-namespace)

troupe::process far_end(context self) {
  std::int64_t count = 0;
  for (;;)
    co_await self.receive([&](troupe::request<where> asked) { asked.reply(self.id()); },
                          [&](ping m) { self.send(m.from, pong{m.number}); },
                          [&](add m) { count += m.by; },
                          [&](troupe::request<get> asked) { asked.reply(count); },
                          [&](blob m) { self.send(m.from, blob_back{std::move(m.bytes)}); });
}

troupe::net::node_options near_node() {
  return {.name = "near@127.0.0.1:0", .cookie = "the cookie of troupe-bench"};
}

// Starts another OS process as a node and runs the function with the pid of its far_end.
template <class Function>
void with_far_end(run& bench, Function function, std::string name = "far@127.0.0.1:0") {
  troupe::system system(bench.options());
  const troupe::net::node near(system, near_node());
  const troupe::net::peer_options other = {
      .name = std::move(name), .arguments = {"--workers", std::to_string(bench.chosen().workers)}};
  system.run([&](context self) -> task<> {
    const auto far = co_await troupe::net::start_peer(self, near, other);
    const troupe::destination by_name{far_process, far.node};
    const pid to = co_await self.call(by_name, where{}, infinity);
    co_await function(self, to);
    const auto ended = self.monitor(far.peer);
    self.exit(far.peer, troupe::exit_reason::shutdown);
    (void)co_await self.receive<troupe::down>([&](const auto& m) { return m.ref == ended; });
  });
}

}  // namespace

void serve_as_peer(const settings& chosen) {
  troupe::system system(options_of(chosen.workers));
  system.spawn_with({.name = far_process}, far_end);
  const troupe::net::node far(system, {});
  system.run(troupe::net::until_parent_ends);
}

namespace {

task<> round_trips(context self, run& bench, pid to) {
  const std::int64_t count = bench.times(20'000);
  const auto start = self.now();
  for (std::int64_t i = 0; i < count; ++i) {
    self.send(to, ping{self, i});
    expect_equal("the number in a pong", (co_await self.receive<pong>()).number, i);
  }
  const std::chrono::duration<double, std::micro> taken = self.now() - start;
  bench.report(taken.count() / static_cast<double>(count), "us/round trip");
}

}  // namespace

void remote_ping_pong(run& bench) {
  with_far_end(bench, [&](context self, pid to) { return round_trips(self, bench, to); });
}
void remote_ping_pong_unix(run& bench) {
  with_far_end(
      bench, [&](context self, pid to) { return round_trips(self, bench, to); }, "far@unix:0");
}

void remote_flood(run& bench) {
  const std::int64_t count = bench.times(2'000'000);
  // A connection for which too much waits is closed (node_options::max_queued_bytes), so the sender
  // now and then asks how far the counter is.
  constexpr std::int64_t window = 250'000;
  with_far_end(bench, [&](context self, pid to) -> task<> {
    const auto start = self.now();
    for (std::int64_t sent = 1; sent <= count; ++sent) {
      self.send(to, add{1});
      if (sent % window == 0 || sent == count)
        expect_equal("the count", co_await self.call(to, get{}, infinity), sent);
    }
    const std::chrono::duration<double> taken = self.now() - start;
    bench.report(static_cast<double>(count) / taken.count(), "messages/s");
  });
}

void remote_echo_1mib(run& bench) {
  const std::int64_t count = bench.times(300);
  constexpr std::int64_t window = 8;  // messages on their way at once
  with_far_end(bench, [&](context self, pid to) -> task<> {
    const std::string content(1 << 20, 'x');
    const auto start = self.now();
    for (std::int64_t sent = 0, back = 0; back < count; ++back) {
      for (; sent < count && sent < back + window; ++sent) self.send(to, blob{self, content});
      if ((co_await self.receive<blob_back>()).bytes != content) wrong("an echo of 1 MiB differs");
    }
    const std::chrono::duration<double> taken = self.now() - start;
    bench.report(static_cast<double>(count) / taken.count(), "MiB/s each way");
  });
}

}  // namespace bench
