#include "acceptor.hpp"
#include "connections.hpp"
#include "roles.hpp"
#include "song.hpp"

#include <troupe/net/peer.hpp>

#include <unistd.h>

#include <iostream>

namespace play {
namespace {

using namespace std::chrono_literals;

// What crashes more often than 5 times in 10 s is not helped by another start.
constexpr troupe::one_for_one restarts{.intensity = 5, .period = 10s};

troupe::process end_of_parent(troupe::context self) {
  co_await troupe::net::until_parent_ends(self);
}

// A member shares the songs with those that it is connected to.
troupe::process greeter(troupe::context self, troupe::net::node* own, cluster_ptr all) {
  for (const member& other : all->members) {
    if (other.node == own->name()) continue;
    try {
      co_await own->connect(self, other.node);
    } catch (const troupe::net::node_error& away) {  // it will greet us
      self.system().log(troupe::log_level::debug, away.what());
    }
  }
}

}  // namespace

void run_member(const options& chosen) {
  const cluster_ptr all = make_cluster(chosen);
  const member& me = all->members.at(static_cast<std::size_t>(chosen.member - 1));
  troupe::system system;
  const listener_ptr listener = listen(system, me.http_port);  // from now on clients wait
  const troupe::pid stop_asked = system.spawn(end_of_parent);
  std::cout << me.node << " serves http://127.0.0.1:" << me.http_port << "/ as process " << getpid()
            << std::endl;
  troupe::net::node node(system, {.tick_time = silence});
  system.spawn(greeter, &node, all);
  const troupe::net::directory names({"directory", all->parent}, leases);
  const troupe::destination counts("counts", all->parent);
  const troupe::pid mine = system.supervise(
      restarts, {songs.child(node, names, {.shards = shards, .idle = 10s}, counts)});
  const troupe::pid http =
      system.supervise(restarts, {troupe::child<connections>("connections", all).registered(),
                                  troupe::child("acceptor", acceptor, listener)});
  run_until(system, stop_asked, {mine, http});
}

}  // namespace play
