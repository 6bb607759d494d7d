#pragma once
// The processes that read what a port's programs write.

#include <troupe/net/port.hpp>

#include "platform/descriptor.hpp"

namespace troupe::net {

/// To a reader: no program writes any more; what is in the pipe now is the end of it.
struct last_output {};
/// From a reader to its parent: all is read, and handled.
struct output_over {};

/// Sends it to the owner of the port, its parent, as far as the window has room.
process read_output(context self, descriptor from, destination owner, port_framing how,
                    std::size_t max_bytes, std::size_t window);
/// Writes it to the system's log, line by line, with that before each.
process log_output(context self, descriptor from, std::string name);

}  // namespace troupe::net
