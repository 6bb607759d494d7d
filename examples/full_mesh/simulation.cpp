#include <troupe/net/sim.hpp>

#include <iostream>

#include "clusters.hpp"
#include "member.hpp"
#include "report.hpp"

namespace mesh {

using namespace std::chrono_literals;
using troupe::context;

void meet_in_simulation(int nodes) {
  const stopwatch real;
  const std::uint64_t before = resident_kib();
  troupe::sim::world world;
  std::vector<std::string> names;
  for (int i = 1; i <= nodes; ++i)
    names.push_back(world
                        .add_node("mesh" + std::to_string(i),
                                  [](troupe::sim::sim_node& node) {
                                    node.system().spawn_with({.name = "member"}, member,
                                                             &node.net());
                                  })
                        .name());
  std::vector<view> views;
  world.nodes().front()->spawn(
      [&](context self) -> troupe::process { views = co_await have_all_meet(self, names); });
  const auto begun = world.now();
  if (!world.run_until([&] { return !views.empty(); }, 5min))
    throw std::runtime_error("the nodes have not met within 5 simulated minutes");
  print(views);
  std::cout << nodes << " simulated nodes had met after "
            << std::chrono::duration<double>(world.now() - begun).count() << " s of virtual time, "
            << real.seconds() << " s of real time and " << world.steps() << " steps; a node took "
            << world.steps() / static_cast<std::uint64_t>(nodes) << " steps and "
            << (resident_kib() - before) / static_cast<std::uint64_t>(nodes) << " KiB\n";
}

}  // namespace mesh
