#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
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

// Certificates of the two nodes, for as long as this lives.
class tls_files {
 public:
  tls_files() {
    std::filesystem::create_directories(folder_);
    const std::string made = "bash " TROUPE_CERTIFICATES " " + folder_.string() +
                             " near@127.0.0.1 far@127.0.0.1 >/dev/null";
    if (std::system(made.c_str()) != 0)  // NOLINT(*-mt-unsafe,cert-env33-c): there is one thread
      wrong("the certificates: openssl is needed to make them");
  }
  ~tls_files() { std::filesystem::remove_all(folder_); }
  tls_files(const tls_files&) = delete;
  tls_files& operator=(const tls_files&) = delete;

  [[nodiscard]] troupe::net::tls_options options() const {
    return {.certificate = folder_ / "near@127.0.0.1.pem",
            .key = folder_ / "near@127.0.0.1.key",
            .authority = folder_ / "ca.pem"};
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("troupe-bench." + std::to_string(::getpid()));
};

// How the two nodes reach each other.
struct way {
  std::string far = "far@127.0.0.1:0";
  troupe::net::tls_options tls = {};
};

// Starts another OS process as a node and runs the function with the pid of its far_end.
template <class Function>
void with_far_end(run& bench, const way& by, Function function) {
  troupe::system system(bench.options());
  const troupe::net::node near(
      system, {.name = "near@127.0.0.1:0", .cookie = "the cookie of troupe-bench", .tls = by.tls});
  const troupe::net::peer_options other = {
      .name = by.far, .arguments = {"--workers", std::to_string(bench.chosen().workers)}};
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

// CPU time that this OS process and those that it has seen end have taken.
double cpu_seconds_of_all() {
  rusage ended{};
  ::getrusage(RUSAGE_CHILDREN, &ended);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return cpu_seconds() + seconds(ended.ru_utime) + seconds(ended.ru_stime);
}

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

task<> flood(context self, run& bench, pid to, std::int64_t count) {
  // Who sends more than a connection takes waits at its next co_await (net/README.md, "Flow"), so
  // it has one now and then.
  constexpr std::int64_t burst = 1'000;
  const auto start = self.now();
  for (std::int64_t sent = 1; sent <= count; ++sent) {
    self.send(to, add{1});
    if (sent % burst == 0) co_await self.yield();
  }
  expect_equal("the count", co_await self.call(to, get{}, infinity), count);
  const std::chrono::duration<double> taken = self.now() - start;
  bench.report(static_cast<double>(count) / taken.count(), "messages/s");
}

task<> echo(context self, run& bench, pid to) {
  const std::int64_t count = bench.times(300);
  constexpr std::int64_t window = 8;  // messages on their way at once
  const std::string content(1 << 20, 'x');
  const auto start = self.now();
  for (std::int64_t sent = 0, back = 0; back < count; ++back) {
    for (; sent < count && sent < back + window; ++sent) self.send(to, blob{self, content});
    if ((co_await self.receive<blob_back>()).bytes != content) wrong("an echo of 1 MiB differs");
  }
  const std::chrono::duration<double> taken = self.now() - start;
  bench.report(static_cast<double>(count) / taken.count(), "MiB/s each way");
}

void ping_pong_by(run& bench, const way& by) {
  with_far_end(bench, by, [&](context self, pid to) { return round_trips(self, bench, to); });
}
void flood_by(run& bench, const way& by) {
  const std::int64_t count = bench.times(2'000'000);
  const double before = cpu_seconds_of_all();
  with_far_end(bench, by, [&](context self, pid to) { return flood(self, bench, to, count); });
  const double used = cpu_seconds_of_all() - before;
  bench.report(used * 1e9 / static_cast<double>(count), "ns of CPU/message, both nodes", "_cpu");
}
void echo_by(run& bench, const way& by) {
  with_far_end(bench, by, [&](context self, pid to) { return echo(self, bench, to); });
}
template <class Function>
void over_tls(run& bench, Function by) {
  const tls_files files;
  by(bench, {.tls = files.options()});
}

}  // namespace

void remote_ping_pong(run& bench) { ping_pong_by(bench, {}); }
void remote_ping_pong_unix(run& bench) { ping_pong_by(bench, {.far = "far@unix:0"}); }
void remote_ping_pong_tls(run& bench) { over_tls(bench, ping_pong_by); }
void remote_flood(run& bench) { flood_by(bench, {}); }
void remote_flood_tls(run& bench) { over_tls(bench, flood_by); }
void remote_echo_1mib(run& bench) { echo_by(bench, {}); }
void remote_echo_1mib_tls(run& bench) { over_tls(bench, echo_by); }

}  // namespace bench
