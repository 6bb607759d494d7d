#pragma once
// The part of every node: it meets the others and tells what it sees of them.

#include <troupe/net/node.hpp>

#include <string>
#include <vector>

namespace mesh {

/// What a node sees, and takes.
struct view {
  std::string node;
  std::uint64_t nodes = 0;     // that it is connected to
  std::uint64_t members = 0;   // of the group, on all nodes
  std::uint64_t resident = 0;  // KiB of its OS process
};

/// Connects with all of these nodes, and answers when it sees a member on each of them.
struct meet {
  using reply = view;
  std::vector<std::string> names;
};

/// Registered as `member`. The node must outlive it.
troupe::process member(troupe::context self, troupe::net::node* here);

/// Has the members of all these nodes meet. Throws call_error if one of them fails.
[[nodiscard]] troupe::task<std::vector<view>> have_all_meet(troupe::context self,
                                                            std::vector<std::string> names);

}  // namespace mesh
