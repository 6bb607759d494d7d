// A node that does not take what it is sent: what it costs the sender in memory, and the others in
// speed. Each of the three is an OS process.

#include <csignal>

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::pid;
using troupe::task;

namespace {

constexpr int senders = 16;  // to the slow one
constexpr std::size_t parcel_bytes = 1000;
constexpr int batch = 100;  // messages between two answers of the healthy one
constexpr double part_promised = 0.9;
constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
// What an OS process that holds so much in small pieces may take beyond it.
constexpr std::int64_t slack = 8 * mebibyte;

troupe::process flood(context self, troupe::destination to) {
  for (std::int64_t i = 0;; ++i) {
    self.send(to, parcel{i, std::string(parcel_bytes, 'x')});
    co_await self.yield();
  }
}

// Messages a second that the healthy node takes.
task<double> speed(context self, std::string node, std::chrono::nanoseconds time) {
  const troupe::destination to{"echo", node};
  const auto start = self.now();
  std::int64_t sent = 0;
  while (self.now() - start < time) {
    for (int i = 0; i < batch; ++i) self.send(to, parcel{i, std::string(parcel_bytes, 'x')});
    (void)co_await self.call(to, echo_of{1}, troupe::infinity);
    sent += batch;
  }
  co_return static_cast<double>(sent) / std::chrono::duration<double>(self.now() - start).count();
}

struct speeds {
  std::vector<double> alone;
  std::vector<double> beside;
  std::int64_t sender_bytes = 0;  // most
  std::int64_t slow_bytes = 0;
};

class comparison {
 public:
  comparison(context self, run& r, const troupe::net::peer_joined& healthy,
             const troupe::net::peer_joined& slow)
      : self_(self),
        rounds_(r.size(2, 15)),
        time_(r.size(100ms, 1000ms)),
        healthy_(healthy),
        slow_(slow) {}

  // By turns, so that what else the machine does meets both.
  task<speeds> go(std::string to) {
    speeds all;
    const auto before = resident_bytes_of(::getpid());
    const auto slow_before = resident_bytes_of(slow_.os_process);
    for (int i = 0; i < rounds_; ++i) {
      all.alone.push_back(co_await speed(self_, healthy_.node, time_));
      std::vector<pid> flooders;
      for (int k = 0; k < senders; ++k)
        flooders.push_back(self_.spawn(flood, troupe::destination{to, slow_.node}));
      (void)co_await speed(self_, healthy_.node, time_ / 2);  // until they are held
      all.beside.push_back(co_await speed(self_, healthy_.node, time_));
      all.sender_bytes = std::max(all.sender_bytes, resident_bytes_of(::getpid()) - before);
      all.slow_bytes = std::max(all.slow_bytes, resident_bytes_of(slow_.os_process) - slow_before);
      for (const pid one : flooders) co_await end_peer(self_, one, troupe::exit_reason::kill);
    }
    co_return all;
  }

 private:
  context self_;
  int rounds_;
  std::chrono::nanoseconds time_;
  const troupe::net::peer_joined& healthy_;
  const troupe::net::peer_joined& slow_;
};

void report(run& r, const std::string& what, speeds all) {
  const troupe::net::node_options defaults;
  const double alone = quantile(all.alone, 0.5);
  const double beside = quantile(all.beside, 0.5);
  r.figure("messages a second to a node, alone", alone, "");
  r.figure("beside " + what, beside, "");
  r.fast("beside " + what + ", as a part", beside / alone, part_promised, "");
  r.soon("memory of who sends to " + what, mib(all.sender_bytes),
         mib(static_cast<std::int64_t>(defaults.busy_bytes) + slack), "MiB");
  r.soon("memory of " + what, mib(all.slow_bytes),
         mib(static_cast<std::int64_t>(defaults.unread_bytes) + slack), "MiB");
}

}  // namespace

void slow(run& r) {
  home_node home({.tick_time = 1h});
  home.system.run([&](context self) -> task<> {
    const auto healthy = co_await start_ready_peer(self, home.node, peer_program());
    const auto slow = co_await start_ready_peer(self, home.node, peer_program(1h));
    (void)co_await speed(self, healthy.node, r.size(100ms, 2000ms));  // warm
    comparison compared(self, r, healthy, slow);
    report(r, "a process that reads nothing", co_await compared.go("deaf"));
    ::kill(slow.os_process, SIGSTOP);
    report(r, "an OS process that is stopped", co_await compared.go("echo"));
    ::kill(slow.os_process, SIGCONT);
    co_await end_peer(self, healthy.peer);
    co_await end_peer(self, slow.peer);
  });
}

}  // namespace soak
