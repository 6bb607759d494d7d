#pragma once

#include <troupe/net/transport.hpp>

#include <string>
#include <vector>

namespace troupe::net {

/// The targets of a service's SRV records, in no order. `server` is `address:port` (IPv4) of who is
/// asked; empty: as the system is configured. Throws std::runtime_error. Blocks.
[[nodiscard]] std::vector<endpoint> find_service(const std::string& service,
                                                 const std::string& server = {});

}  // namespace troupe::net
