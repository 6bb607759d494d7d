// Connections that come and go, and nodes that are started again: what is left of them.

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::pid;
using troupe::task;

namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;

// Connects, leaves a monitor and a link on the connection, and has one of the two close it.
class cycle {
 public:
  cycle(context self, home_node& a, home_node& b) : self_(self), a_(a), b_(b) {}

  task<> go(std::int64_t number) {
    const std::string& far = b_.node.name();
    co_await a_.node.connect(self_, far);
    const pid echo = co_await self_.call({"echo", far}, tell_pid{});
    const auto watched = self_.monitor(echo);
    self_.link(echo);
    if (co_await self_.call(echo, echo_of{number}) != number)
      throw std::runtime_error("another answer than was asked for");
    if (number % 2 == 0)
      a_.node.disconnect(far);
    else
      b_.node.disconnect(a_.node.name());
    (void)co_await self_.receive<troupe::down>([&](const auto& d) { return d.ref == watched; });
    (void)co_await self_.receive<troupe::exit_signal>();
    (void)co_await self_.receive<troupe::net::nodedown>();
    while (!b_.node.nodes().empty()) co_await self_.yield();
  }

 private:
  context self_;
  home_node& a_;
  home_node& b_;
};

task<> ignore_nodeups(context self) {
  while (co_await self.receive_within<troupe::net::nodeup>(0ns)) {
  }
}

}  // namespace

void connections(run& r) {
  const std::int64_t cycles = r.size(300, 100'000);
  const std::int64_t warm_up = cycles / 10;
  home_node a;
  home_node b({.name = "far@127.0.0.1:0"});
  b.system.spawn_with({.name = "echo"}, echo);
  const auto run_some = [&](std::int64_t from, std::int64_t to) {
    a.system.run([&](context self) -> task<> {
      (void)self.trap_exits(true);
      a.node.monitor_nodes(self);
      cycle one(self, a, b);
      for (std::int64_t i = from; i < to; ++i) {
        co_await one.go(i);
        co_await ignore_nodeups(self);
      }
    });
  };
  run_some(0, warm_up);
  const holdings before_a = settled(a.system, {});
  const holdings before_b = settled(b.system, {.processes = 1, .names = 1});
  const auto start = std::chrono::steady_clock::now();
  run_some(warm_up, cycles);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  r.figure("connections made and closed", static_cast<double>(cycles), "");
  r.figure("of them a second", static_cast<double>(cycles - warm_up) / time.count(), "");
  compare(r, "who dials", before_a, settled(a.system, before_a), 4 * mebibyte);
  compare(r, "who is dialled", before_b, settled(b.system, before_b), 4 * mebibyte);
}

void restarts(run& r) {
  const std::int64_t times = r.size(20, 2000);
  const std::int64_t warm_up = times / 10;
  home_node home;
  home.system.run([&](context self) -> task<> {
    const auto peer = co_await start_ready_peer(self, home.node, peer_program());
    std::string name = "again@127.0.0.1:0";
    const auto restart = [&] {
      home_node again({.name = name});
      name = again.node.name();
      again.node.connect(peer.node);
      if (again.system.call({"echo", peer.node}, echo_of{7}) != 7)
        throw std::runtime_error("another answer than was asked for");
    };
    const troupe::destination host{"host", peer.node};
    for (std::int64_t i = 0; i < warm_up; ++i) co_await self.blocking(restart);
    const holdings peer_before = co_await self.call(host, tell_holdings{}, troupe::infinity);
    const holdings before = holdings_of(home.system);
    for (std::int64_t i = warm_up; i < times; ++i) co_await self.blocking(restart);
    const holdings peer_after = co_await self.call(host, tell_holdings{}, troupe::infinity);
    const holdings after = holdings_of(home.system);
    const auto counted = times - warm_up;
    r.figure("restarts of a node", static_cast<double>(times), "");
    r.figure("memory of each in another node",
             static_cast<double>(peer_after.resident_bytes - peer_before.resident_bytes) /
                 static_cast<double>(counted),
             "B");
    compare(r, "the other node", peer_before, peer_after, 2 * mebibyte);
    compare(r, "who was restarted", before, after, 4 * mebibyte);
    co_await end_peer(self, peer.peer);
  });
}

}  // namespace soak
