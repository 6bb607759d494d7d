// play_counter: play counts of songs, kept by a cluster of nodes and served over HTTP. README.md
// shows the processes and says which file has which.

#include "roles.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace {

void describe(CLI::App& program, play::options& chosen) {
  program.add_option("--nodes", chosen.nodes, "How many nodes")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  program.add_option("--port", chosen.port, "HTTP port of the first node; the others use the next")
      ->check(CLI::Range(1, 65000))
      ->capture_default_str();
  program
      .add_option("--node-port", chosen.node_port,
                  "Port of this process's node; the nodes that it starts use the next")
      ->check(CLI::Range(1, 65000))
      ->capture_default_str();
  program.add_option("--data", chosen.data, "Directory of the counts, an SQLite file")
      ->capture_default_str();
  program.add_flag("--survive-power-loss", chosen.survive_power_loss,
                   "Acknowledge a play when it is on the disk (slower); without this it survives "
                   "the end of any process, but not that of the machine");
  program.add_option("--member", chosen.member)->group("");  // for the members only
}

}  // namespace

int main(int argc, char** argv) {
  play::options chosen;
  CLI::App program("Play counts of songs, kept by a cluster of nodes and served over HTTP");
  describe(program, chosen);
  CLI11_PARSE(program, argc, argv);
  try {
    if (chosen.member > 0)
      play::run_member(chosen);
    else
      play::run_parent(chosen, {argv + 1, argv + argc});
  } catch (const std::exception& failed) {
    std::cerr << "play_counter: " << failed.what() << '\n';
    return 1;
  }
}
