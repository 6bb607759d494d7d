// leader: one process of a cluster that others take over when its node is killed. See README.md.

#include "roles.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

int main(int argc, char** argv) {
  leader::options chosen;
  int lease_ms = static_cast<int>(chosen.lease.count());
  CLI::App program("One process of a cluster gives tickets; its node is killed again and again");
  program.add_option("--members", chosen.members, "How many nodes can have it")
      ->check(CLI::Range(2, 20))
      ->capture_default_str();
  program.add_option("--kills", chosen.kills, "How often its node is killed")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  program
      .add_option("--lease", lease_ms, "How long its name stays with a node that is lost, in ms")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
  program.add_option("--member-of", chosen.member_of)->group("");  // for the members only
  CLI11_PARSE(program, argc, argv);
  chosen.lease = std::chrono::milliseconds(lease_ms);
  try {
    chosen.member_of.empty() ? leader::run_parent(chosen) : leader::run_member(chosen);
  } catch (const std::exception& failed) {
    std::cerr << "leader: " << failed.what() << '\n';
    return 1;
  }
}
