#pragma once

#include <troupe/net/command.hpp>

#include <sys/types.h>

#include <span>

namespace troupe::net {

/// A descriptor of this process, and the number that the program is to find it under.
struct given_file {
  int number;
  int ours;
};

/// How a program stands to this process.
struct launch_ties {
  std::span<const given_file> files = {};  ///< besides them it has the first three of this process
  pid_t group = 0;                         ///< the process group that it joins; 0: one of its own
  bool dies_with_parent = false;           ///< is killed when the thread that starts it ends
};

/// Starts a program as a child, with no signal blocked or ignored, and no file open but those that
/// it is given. Throws std::system_error: the text names the program, what failed and the reason.
[[nodiscard]] pid_t launch(const command& what, const launch_ties& ties);

}  // namespace troupe::net
