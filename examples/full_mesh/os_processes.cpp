#include <troupe/net/peer.hpp>

#include <iostream>

#include "clusters.hpp"
#include "member.hpp"
#include "report.hpp"

namespace mesh {

using namespace std::chrono_literals;
using troupe::context;
using troupe::task;
using troupe::net::peer_joined;

namespace {

// There are as many of them as processors many times over: one worker each, and patience.
troupe::system_options of_many() {
  return {.workers = 1, .log = troupe::make_stderr_log(troupe::log_level::warning)};
}

// One that does not start ends all, by the link.
troupe::process start_one(context self, troupe::pid tell, const troupe::net::node* home,
                          int number) {
  self.send(tell,
            co_await troupe::net::start_peer(
                self, *home,
                {.name = "mesh" + std::to_string(number) + "@127.0.0.1:0", .start_time = 2min}));
}

task<std::vector<std::string>> start_all(context self, const troupe::net::node& home, int nodes) {
  std::vector<std::string> names{home.name()};
  for (int i = 2; i <= nodes; ++i) self.spawn_link(start_one, self.id(), &home, i);
  while (names.size() < static_cast<std::size_t>(nodes))
    names.push_back((co_await self.receive<peer_joined>()).node);
  co_return names;
}

}  // namespace

void meet_as_os_processes(int nodes) {
  troupe::system system(of_many());
  troupe::net::node node(
      system, {.name = "mesh1@127.0.0.1:0", .cookie = troupe::net::random_cookie(system)});
  system.spawn_with({.name = "member"}, member, &node);
  stopwatch since_start;
  const auto names = system.run([&](context self) { return start_all(self, node, nodes); });
  std::cout << nodes << " nodes, each an OS process: started in " << since_start.seconds()
            << " s\n";
  stopwatch since_joined;
  const auto views = system.run([&](context self) { return have_all_meet(self, names); });
  print(views);
  print_memory(views);
  std::cout << "all had met after " << since_joined.seconds() << " s\n";
}

void run_peer() {
  troupe::system system(of_many());
  // Before the node: who reaches it finds its member, which waits until there is one.
  troupe::net::node node(system, {});
  system.spawn_with({.name = "member"}, member, &node);
  system.run(troupe::net::until_parent_ends);
}

}  // namespace mesh
