#pragma once

#include "cluster.hpp"

#include <troupe/troupe.hpp>

namespace play {

/// The parent: starts every member as an OS process of this program with these arguments and its
/// number, starts it again whenever it ends, and stops all on SIGINT or SIGTERM. Its own node is
/// hidden: it owns no songs.
void run_parent(const options& chosen, const std::vector<std::string>& arguments);

/// One member: owns songs and serves HTTP until the parent asks it to stop, or is gone.
void run_member(const options& chosen);

/// Waits until the process `stop_asked` has ended, then stops the trees, the last one first. Throws
/// std::runtime_error if a tree ends by itself: its children ended more often than it tolerates.
void run_until(troupe::system& system, troupe::pid stop_asked,
               const std::vector<troupe::pid>& trees);

}  // namespace play
