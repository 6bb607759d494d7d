#pragma once
// The workloads, in the order in which they run.

#include "bench.hpp"

#include <span>

namespace bench {

enum class place : std::uint8_t { local, remote };

struct workload {
  std::string_view name;
  place where;
  std::string_view about;
  void (*measure)(run& bench);
};

[[nodiscard]] std::span<const workload> workloads();
/// What the far side of the remote workloads runs: a node with the processes that they talk to.
void serve_as_peer(const settings& chosen);

// pairs.cpp
void ping_pong(run& bench);
void ping_pong_64(run& bench);
void scaling(run& bench);
// counters.cpp
void flood(run& bench);
void fan_in(run& bench);
void bang(run& bench);
// crowds.cpp
void ring(run& bench);
void chameneos(run& bench);
void big(run& bench);
// calls.cpp
void call(run& bench);
void bounded_buffer(run& bench);
// spawns.cpp
void skynet(run& bench);
void spawn_idle(run& bench);
void idle_memory(run& bench);
void idle_server_memory(run& bench);
void spawn_exit(run& bench);
// signals.cpp
void link_storm(run& bench);
void timers_cancel(run& bench);
void selective(run& bench);
// manners.cpp
void mixed(run& bench);
void idle(run& bench);
// remote.cpp
void remote_ping_pong(run& bench);
void remote_ping_pong_unix(run& bench);
void remote_ping_pong_tls(run& bench);
void remote_flood(run& bench);
void remote_flood_tls(run& bench);
void remote_echo_1mib(run& bench);
void remote_echo_1mib_tls(run& bench);
// keys.cpp
void key_call(run& bench);
void remote_key_call(run& bench);
void key_join(run& bench);

}  // namespace bench
