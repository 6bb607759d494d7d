#include "roles.hpp"

#include <troupe/net/asio.hpp>
#include <troupe/net/peer.hpp>

#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

namespace play {
namespace {

using namespace std::chrono_literals;

troupe::process stop_signal(troupe::context self) {
  co_await troupe::net::wait_for_signal(self, {SIGINT, SIGTERM});
}

// Members get it by their environment, so nobody else can join.
std::string random_cookie(troupe::system& system) {
  std::array<std::byte, 32> bits;
  system.random()->secret(bits);
  std::string text;
  for (const std::byte b : bits) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(b >> 4)];
    text += "0123456789abcdef"[std::to_integer<unsigned>(b & std::byte{15})];
  }
  return text;
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
                                  .cookie = random_cookie(system),
                                  .hidden = true});
  const troupe::pid tree = system.supervise(troupe::one_for_one{.intensity = 10, .period = 10s},
                                            members(node, *make_cluster(chosen), arguments));
  std::cout << "ready: " << chosen.nodes << " nodes, counts in " << chosen.data.string()
            << "; Ctrl-C, or SIGTERM to process " << getpid() << ", stops them" << std::endl;
  run_until(system, stop_asked, {tree});
}

}  // namespace play
