// kill -9 of an OS process: how soon another node knows.

#include <csignal>

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::task;

namespace {

struct told {
  double monitor_ms;
  double node_ms;
};

// From the moment of the kill to the `down` of a process there, and to the `nodedown` after it.
task<told> kill_one(context self, troupe::net::node& home) {
  const auto peer = co_await start_ready_peer(self, home, peer_program());
  const auto watched = self.monitor(troupe::destination{"echo", peer.node});
  (void)co_await self.call({"echo", peer.node}, echo_of{1});  // the monitor has arrived
  const auto start = self.now();
  ::kill(peer.os_process, SIGKILL);
  const auto down =
      co_await self.receive<troupe::down>([&](const auto& d) { return d.ref == watched; });
  const auto process_gone = self.now();
  if (down.reason != troupe::exit_reason::noconnection)
    throw std::runtime_error("a monitor of a killed node says " + std::string(down.reason.text()));
  (void)co_await self.receive<troupe::net::nodedown>(
      [&](const auto& n) { return n.node == peer.node && n.incarnation == peer.incarnation; });
  const auto node_gone = self.now();
  co_await end_peer(self, peer.peer);
  co_return told{ms(process_gone - start), ms(node_gone - start)};
}

void report(run& r, const std::string& what, std::vector<double>& all) {
  constexpr double promised_ms = 100;
  r.figure(what + ", p50", quantile(all, 0.5), "ms");
  r.figure(what + ", p99", quantile(all, 0.99), "ms");
  r.soon(what + ", max", quantile(all, 1), promised_ms, "ms");
}

}  // namespace

void kill(run& r) {
  const int rounds = r.size(3, 200);
  home_node home;
  std::vector<double> processes;
  std::vector<double> nodes;
  home.system.run([&](context self) -> task<> {
    home.node.monitor_nodes(self);
    for (int i = 0; i < rounds; ++i) {
      const told one = co_await kill_one(self, home.node);
      processes.push_back(one.monitor_ms);
      nodes.push_back(one.node_ms);
    }
  });
  r.figure("nodes killed", rounds, "");
  report(r, "from kill to noconnection of a monitor", processes);
  report(r, "from kill to nodedown", nodes);
}

}  // namespace soak
