// A node that falls silent without a word: after what part of the tick time it is seen.

#include <csignal>
#include <map>
#include <memory>

#include "net/chaos_proxy.hpp"
#include "net/detour.hpp"
#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::task;
using troupe_test::chaos_proxy;

namespace {

constexpr int at_once = 10;
constexpr double lag = 0.01;  // tick times, for a busy machine to run the one who sees

// When each fell silent, by its node, and after how long that was seen, in tick times.
class silences {
 public:
  silences(context self, std::chrono::nanoseconds tick_time) : self_(self), tick_(tick_time) {}
  // At different moments of the tick, and all of them before the first is seen.
  task<> next() { co_await self_.sleep(tick_ / (3 * at_once)); }
  void begins(const std::string& node) { since_[node] = self_.now(); }
  task<> all_seen(std::vector<double>& parts) {
    while (!since_.empty()) {
      const auto down = co_await self_.receive<troupe::net::nodedown>();
      const auto now = self_.now();
      const auto found = since_.find(down.node);
      if (found == since_.end()) continue;
      parts.push_back(std::chrono::duration<double>(now - found->second) /
                      std::chrono::duration<double>(tick_));
      since_.erase(found);
    }
  }

 private:
  context self_;
  std::chrono::nanoseconds tick_;
  std::map<std::string, troupe::steady_time> since_;
};

task<> stop_processes(context self, home_node& home, std::chrono::milliseconds tick_time,
                      std::vector<double>& parts) {
  std::vector<troupe::net::peer_joined> peers;
  for (int i = 0; i < at_once; ++i)
    peers.push_back(co_await start_ready_peer(self, home.node, peer_program(tick_time)));
  silences all(self, tick_time);
  for (const auto& peer : peers) {
    ::kill(peer.os_process, SIGSTOP);
    all.begins(peer.node);
    co_await all.next();
  }
  co_await all.all_seen(parts);
  for (const auto& peer : peers) co_await end_peer(self, peer.peer, troupe::exit_reason::kill);
}

// A node of this program behind a proxy.
struct far_node {
  explicit far_node(std::chrono::nanoseconds tick_time)
      : node({.name = "far@127.0.0.1:0", .tick_time = tick_time}),
        proxy(troupe_test::port_of(node.node.name())) {}
  home_node node;
  chaos_proxy proxy;
};

void stall_connections(std::chrono::nanoseconds tick_time, std::vector<double>& parts) {
  troupe::system system(quiet());
  troupe_test::detour through(*troupe::net::transport_of(system));
  std::vector<std::unique_ptr<far_node>> far;
  for (int i = 0; i < at_once; ++i) {
    far.push_back(std::make_unique<far_node>(tick_time));
    through.lead(troupe_test::port_of(far.back()->node.node.name()), far.back()->proxy.port());
  }
  troupe::net::node node(system, {.name = "home@127.0.0.1:0",
                                  .cookie = cookie(),
                                  .tick_time = tick_time,
                                  .carrier = &through});
  system.run([&](context self) -> task<> {
    node.monitor_nodes(self);
    for (const auto& one : far) co_await node.connect(self, one->node.node.name());
    silences all(self, tick_time);
    for (const auto& one : far) {
      one->proxy.stall(chaos_proxy::way::to_target, true);
      one->proxy.stall(chaos_proxy::way::to_dialler, true);
      all.begins(one->node.node.name());
      co_await all.next();
    }
    co_await all.all_seen(parts);
  });
}

void report(run& r, const std::string& what, std::vector<double>& parts) {
  r.figure(what, static_cast<double>(parts.size()), "");
  r.fast(what + ", first seen after", quantile(parts, 0), 0.75, "tick times");
  r.soon(what + ", last seen after", quantile(parts, 1), 1.25 + lag, "tick times");
}

}  // namespace

void silence(run& r) {
  const auto tick_time = r.size(400ms, 2000ms);
  const int rounds = r.size(1, 3);
  r.figure("tick time", ms(tick_time), "ms");
  std::vector<double> stopped;
  {
    home_node home({.tick_time = tick_time});
    home.system.run([&](context self) -> task<> {
      home.node.monitor_nodes(self);
      for (int i = 0; i < rounds; ++i) co_await stop_processes(self, home, tick_time, stopped);
    });
  }
  report(r, "OS processes stopped", stopped);
  std::vector<double> stalled;
  for (int i = 0; i < rounds; ++i) stall_connections(tick_time, stalled);
  report(r, "connections stalled", stalled);
}

}  // namespace soak
