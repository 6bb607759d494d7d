#pragma once

#include "rendezvous.hpp"

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

/// One of the nodes that own songs.
struct member {
  std::string name;  // songs are hashed with it and not with `node`: ports may change, owners not
  std::string node;
  std::uint16_t http_port = 0;
};

/// All members. Constant while the cluster runs: a member that is down still owns its songs,
/// because it has their counts, and comes back with them.
struct cluster {
  std::vector<member> members;

  [[nodiscard]] const member& owner(std::string_view song) const {
    return owner_of(song, members, &member::name);
  }
};

/// For the processes, which share it.
using cluster_ptr = std::shared_ptr<const cluster>;

[[nodiscard]] inline cluster_ptr make_cluster(const options& chosen) {
  cluster made;
  for (int i = 1; i <= chosen.nodes; ++i) {
    const std::string name = "play" + std::to_string(i);
    made.members.push_back({name, name + "@127.0.0.1:" + std::to_string(chosen.node_port + i),
                            static_cast<std::uint16_t>(chosen.port + i - 1)});
  }
  return std::make_shared<const cluster>(std::move(made));
}

}  // namespace play
