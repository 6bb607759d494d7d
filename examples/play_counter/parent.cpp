#include "roles.hpp"

#include <troupe/net/asio.hpp>
#include <troupe/net/peer.hpp>

#include <unistd.h>

#include <csignal>
#include <iostream>

namespace play {
namespace {

using namespace std::chrono_literals;

troupe::process stop_signal(troupe::context self) {
  co_await troupe::net::wait_for_signal(self, {SIGINT, SIGTERM});
}

std::vector<troupe::child_spec> members(const troupe::net::node& home, const cluster& all,
                                        const std::vector<std::string>& arguments) {
  std::vector<troupe::child_spec> children;
  for (const member& each : all.members) {
    troupe::net::peer_options peer{.name = each.node, .arguments = arguments};
    peer.arguments.insert(peer.arguments.end(), {"--member", std::to_string(children.size() + 1)});
    children.push_back(troupe::net::peer_child(each.name, home, std::move(peer)));
  }
  return children;
}

}  // namespace

void run_parent(const options& chosen, const std::vector<std::string>& arguments) {
  std::filesystem::create_directories(chosen.data);
  troupe::system system;
  const troupe::pid stop_asked = system.spawn(stop_signal);
  troupe::net::node node(system, {.name = "parent@127.0.0.1:" + std::to_string(chosen.node_port),
                                  .cookie = troupe::net::random_cookie(system),
                                  .hidden = true});
  const troupe::pid tree = system.supervise(troupe::one_for_one{.intensity = 10, .period = 10s},
                                            members(node, *make_cluster(chosen), arguments));
  std::cout << "ready: " << chosen.nodes << " nodes, counts in " << chosen.data.string()
            << "; Ctrl-C, or SIGTERM to process " << getpid() << ", stops them" << std::endl;
  run_until(system, stop_asked, {tree});
}

}  // namespace play
