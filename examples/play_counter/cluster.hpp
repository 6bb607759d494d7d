#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace play {

/// The command line. The parent hands its own on to the members.
struct options {
  int nodes = 3;
  std::uint16_t port = 8080;
  std::uint16_t node_port = 7400;
  std::filesystem::path data = "play_counter.data";
  bool survive_power_loss = false;
  int member = 0;  // which member this OS process is; 0: the parent of all
};

/// One of the nodes that have the processes of songs.
struct member {
  std::string name;
  std::string node;
  std::uint16_t http_port = 0;
};

struct cluster {
  /// Has the counts and the directory of who has which songs.
  std::string parent;
  std::vector<member> members;
};

/// For the processes, which share it.
using cluster_ptr = std::shared_ptr<const cluster>;

[[nodiscard]] inline cluster_ptr make_cluster(const options& chosen) {
  cluster made{.parent = "parent@127.0.0.1:" + std::to_string(chosen.node_port), .members = {}};
  for (int i = 1; i <= chosen.nodes; ++i) {
    const std::string name = "play" + std::to_string(i);
    made.members.push_back({name, name + "@127.0.0.1:" + std::to_string(chosen.node_port + i),
                            static_cast<std::uint16_t>(chosen.port + i - 1)});
  }
  return std::make_shared<const cluster>(std::move(made));
}

}  // namespace play
