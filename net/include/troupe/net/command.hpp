#pragma once

#include <troupe/compiler.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe::net {

/// What an OS process may use at most; 0: no limit but what this process has. Inherited by what it
/// starts, each on its own. (POSIX: setrlimit.)
struct resource_limits {
  /// Address space. What goes beyond it is std::bad_alloc in a C++ program, or its end. A program
  /// with a troupe::system reserves more than it uses: 64 B for each of
  /// system_options::max_processes, and the stacks of its threads.
  std::uint64_t memory_bytes = 0;
  /// Of all its threads; then it is ended by SIGXCPU.
  std::uint64_t cpu_seconds = 0;
  /// Files and sockets that are open at once.
  std::uint64_t open_files = 0;
};

/// A program and what it is run with. No shell looks at it: an argument is what it is. Who wants
/// one runs it: `{.program = "sh", .arguments = {"-c", "ls *.txt | wc -l"}}`.
struct command {
  /// A path, or a name to look up in this process's PATH; empty: the program that runs now. A
  /// relative path begins at `directory`.
  std::string program = {};
  /// Without the program's own name.
  std::vector<std::string> arguments = {};
  /// Added to this process's environment.
  std::map<std::string, std::string> environment = {};
  /// Where it works; empty: where this process does.
  std::string directory = {};
  resource_limits limits = {};
};

}  // namespace troupe::net
