#pragma once

#include "cluster.hpp"

#include <troupe/net/directory.hpp>

namespace play {

/// A node that is lost keeps its songs for so long, because it may live on unseen.
inline constexpr troupe::net::lease_options leases = {.ttl = std::chrono::seconds(2),
                                                      .stop_time = std::chrono::milliseconds(500)};
/// A node that is silent for so long is taken for lost.
inline constexpr std::chrono::seconds silence{2};
/// Into how many parts the songs are divided.
inline constexpr std::size_t shards = 32;

/// The parent: starts every member as an OS process of this program with these arguments and its
/// number, starts it again whenever it ends, and stops all on SIGINT or SIGTERM. Its own node is
/// hidden. It has the counts of all songs, and the directory of who has which.
void run_parent(const options& chosen, const std::vector<std::string>& arguments);

/// One member: has the processes of some songs and serves HTTP until the parent asks it to stop, or
/// is gone.
void run_member(const options& chosen);

/// Waits until the process `stop_asked` has ended, then stops the trees, the last one first. Throws
/// std::runtime_error if a tree ends by itself: its children ended more often than it tolerates.
void run_until(troupe::system& system, troupe::pid stop_asked,
               const std::vector<troupe::pid>& trees);

}  // namespace play
