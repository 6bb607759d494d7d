#pragma once
// Two ways to have a cluster of so many nodes: as OS processes, and in one simulation.

namespace mesh {

/// Starts the other nodes as OS processes of this program, has all meet, and prints what they see
/// and what that took. Throws std::runtime_error if one of them does not see all others.
void meet_as_os_processes(int nodes);

/// The main function of each of them.
void run_peer();

/// The same in virtual time, on one thread.
void meet_in_simulation(int nodes);

}  // namespace mesh
