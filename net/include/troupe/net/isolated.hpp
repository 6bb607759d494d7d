#pragma once

#include <troupe/net/peer.hpp>

#include <functional>

namespace troupe::net {

namespace internal {
using order_maker = std::function<spawn_order()>;
[[nodiscard]] child_spec isolated_child(std::string id, const node& home, peer_options peer,
                                        order_maker order);
}  // namespace internal

/// A child of a supervisor that runs in an OS process of its own: what would end this program, as a
/// segmentation fault, an abort or a memory limit, is the crash of one child, which is started
/// again. The OS process is a peer (see peer_options: this program, unless another one is
/// named), whose node offers the behaviour; the arguments have the types of that offer.
///
///     int main() {
///       troupe::system system;
///       troupe::net::node node(system, {...});
///       node.offer<parser, int>("parser");
///       if (troupe::net::is_peer()) return system.run(troupe::net::until_parent_ends), 0;
///       system.supervise(troupe::one_for_one{}, {troupe::net::isolated_child("parser", node, {},
///                                                                            "parser", 42)});
///
/// A process here stands for the child, registered under the id: what is sent to it or asked of it
/// goes on to the behaviour, in order, and replies come from there; links, monitors and exit
/// signals to it work as for the behaviour itself.
/// - The child has started when the behaviour has, within peer_options::start_time.
/// - It ends when the behaviour ends, with its reason; or with peer_ended, which tells the signal,
///   when the OS process does; or with noconnection if that lives and cannot be reached. In each
///   case the OS process is gone then.
/// - When the node here is destroyed before the tree, its OS process ends, and the child waits for
///   the end of the tree.
/// - When it is to stop, the behaviour is asked first, then the peer; each has stop_time.
template <class... Args>
[[nodiscard]] child_spec isolated_child(std::string id, const node& home, peer_options peer,
                                        std::string behaviour, Args... args) {
  return internal::isolated_child(
      std::move(id), home, std::move(peer), [behaviour = std::move(behaviour), args...] {
        return internal::spawn_order{behaviour, message::of(std::tuple<Args...>(args...)), true};
      });
}

}  // namespace troupe::net
