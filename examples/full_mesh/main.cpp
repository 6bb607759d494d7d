// full_mesh: a cluster of many nodes, each connected with each, and a process group over all.

#include <troupe/net/peer.hpp>

#include <CLI/CLI.hpp>

#include <iostream>

#include "clusters.hpp"

int main(int argc, char** argv) {
  int nodes = 50;
  bool simulated = false;
  CLI::App program("Starts a cluster in which each node is connected with each, and shows that");
  program.add_option("nodes", nodes, "How many nodes")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  program.add_flag("--simulated", simulated, "In one OS process and in virtual time");
  CLI11_PARSE(program, argc, argv);
  try {
    if (troupe::net::is_peer())
      mesh::run_peer();
    else if (simulated)
      mesh::meet_in_simulation(nodes);
    else
      mesh::meet_as_os_processes(nodes);
  } catch (const std::exception& failed) {
    std::cerr << "full_mesh: " << failed.what() << '\n';
    return 1;
  }
}
