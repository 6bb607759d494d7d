#pragma once

#include "cluster.hpp"

#include <troupe/troupe.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace play {

using listener_ptr = std::shared_ptr<boost::asio::ip::tcp::acceptor>;

/// Listens for HTTP on loopback. Throws std::runtime_error: another program has the port.
[[nodiscard]] listener_ptr listen(troupe::system& system, std::uint16_t port);

/// Accepts, and hands each socket to "connections". While there is no room it accepts nothing, and
/// clients wait in the queue of the listener.
troupe::process acceptor(troupe::context self, listener_ptr listener);

}  // namespace play
