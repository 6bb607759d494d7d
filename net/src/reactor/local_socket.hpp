#pragma once
// Sockets of both kinds: TCP, and those of the Unix domain for nodes of one machine, which are
// addressed as the host `unix`.

#include <troupe/net/transport.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

namespace troupe::net {

using stream_socket = boost::asio::generic::stream_protocol::socket;
using stream_acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;
using stream_address = boost::asio::generic::stream_protocol::endpoint;

[[nodiscard]] bool is_local(const endpoint& where) noexcept;
/// A name in the abstract namespace: no file, gone with its socket.
[[nodiscard]] stream_address local_address(std::uint16_t port);
/// Of those that are chosen for who wants any free one; others begin elsewhere.
[[nodiscard]] std::uint16_t local_port_to_try(int attempt) noexcept;
inline constexpr int max_local_attempts = 10'000;

}  // namespace troupe::net
