#pragma once

#include <troupe/net/peer.hpp>

#include <chrono>
#include <string>

namespace troupe::net {

/// All that it takes to start a peer, as often as wanted. Holds nothing of the node, which may be
/// gone when a supervisor still stops its children.
struct peer_plan {
  /// Throws node_error: no node name, a variable that no line can hold.
  peer_plan(const node& home, peer_options wanted);

  std::string name;
  std::string parent;  // the name of its node
  command program;
  bool stdio;
  std::string sent;  // to its standard input
  bool logged;
  std::chrono::nanoseconds start_time;
  std::chrono::nanoseconds stop_time;
};

/// Starts the peer, and waits until its node has joined; see start_peer.
[[nodiscard]] task<peer_joined> start_planned_peer(context self, peer_plan plan);

/// How much longer than the stop time the end of a peer may take: for SIGKILL, and a busy machine.
[[nodiscard]] std::chrono::nanoseconds time_to_stop(const peer_plan& plan);

}  // namespace troupe::net
