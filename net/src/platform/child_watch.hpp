#pragma once
// What a process may wait for at the descriptors of other OS processes.

#include <troupe/task.hpp>

#include <string>

#include "platform/descriptor.hpp"

namespace troupe {
class context;
}

namespace troupe::net {

/// Waits until the descriptor is readable, or there is nothing to wait for any more.
[[nodiscard]] task<> until_readable(context self, descriptor what);
/// The same for one that is written to.
[[nodiscard]] task<> until_writable(context self, descriptor what);
/// Reads a line, and gives it without its end; empty at the end of the stream, or if there is no
/// line within so many bytes.
[[nodiscard]] task<std::string> read_line(context self, descriptor from, std::size_t max_bytes);

}  // namespace troupe::net
