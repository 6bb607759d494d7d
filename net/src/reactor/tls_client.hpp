#pragma once
// TLS towards servers that are no nodes, such as etcd.

#include <boost/asio/ssl/context.hpp>

#include <string>

#include "reactor/http_client.hpp"

namespace troupe::net {

/// What a client brings: TLS 1.2 or newer, a server must show a certificate. Throws http_error,
/// which names the file that is wrong. Blocks on the disk.
[[nodiscard]] boost::asio::ssl::context tls_client_context(const http_tls& files);

/// The certificate must name that host, or address, besides being signed. Before the handshake.
void expect_server(SSL& connection, const std::string& host);

/// Why the handshake failed, and what to do about it.
[[nodiscard]] std::string tls_client_failure(const SSL& connection,
                                             const boost::system::error_code& failed);

}  // namespace troupe::net
