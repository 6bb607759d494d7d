#include "counts.hpp"
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

// What the members need comes before them.
std::vector<troupe::child_spec> children_of(const troupe::net::node& home, const cluster& all,
                                            const options& chosen,
                                            const std::vector<std::string>& arguments) {
  const store_options file{.file = chosen.data / "counts.sqlite",
                           .survive_power_loss = chosen.survive_power_loss};
  std::vector<troupe::child_spec> children = {
      troupe::child<counts>("counts", file).registered(),
      troupe::net::directory_child("directory", {.max_ttl = leases.ttl})};
  int number = 0;
  for (const member& each : all.members) {
    troupe::net::peer_options peer{.name = each.node, .arguments = arguments};
    peer.arguments.insert(peer.arguments.end(), {"--member", std::to_string(++number)});
    children.push_back(troupe::net::peer_child(each.name, home, std::move(peer)));
  }
  return children;
}

}  // namespace

void run_parent(const options& chosen, const std::vector<std::string>& arguments) {
  std::filesystem::create_directories(chosen.data);
  troupe::system system;
  const troupe::pid stop_asked = system.spawn(stop_signal);
  const cluster_ptr all = make_cluster(chosen);
  troupe::net::node node(system, {.name = all->parent,
                                  .cookie = troupe::net::random_cookie(system),
                                  .hidden = true,
                                  .tick_time = silence});
  const troupe::pid tree = system.supervise(troupe::one_for_one{.intensity = 10, .period = 10s},
                                            children_of(node, *all, chosen, arguments));
  std::cout << "ready: " << chosen.nodes << " nodes, counts in " << chosen.data.string()
            << "; Ctrl-C, or SIGTERM to process " << getpid() << ", stops them" << std::endl;
  run_until(system, stop_asked, {tree});
}

}  // namespace play
