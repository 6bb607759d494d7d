#pragma once
// The processes that read what other programs write.

#include <troupe/net/port.hpp>

#include "port/pipe_source.hpp"

namespace troupe::net {

/// From a reader to its parent: all is read, and handled.
struct output_over {};

/// Sends it to the owner of the port, its parent, as far as the window has room.
process read_output(context self, descriptor from, destination owner, port_framing how,
                    std::size_t max_bytes, std::size_t window);
/// Writes it to the system's log, line by line, with that before each.
process log_output(context self, descriptor from, std::string name);

}  // namespace troupe::net
