#pragma once

#include <chrono>
#include <string>

namespace leader {

struct options {
  int members = 3;
  int kills = 3;
  std::chrono::milliseconds lease{2000};
  std::string member_of;  // the node with the directory; empty: this is that one
};

/// A node that would have the office run on it.
void run_member(const options& chosen);
/// The node with the directory: starts the members, and kills the one with the office again and
/// again.
void run_parent(const options& chosen);

}  // namespace leader
