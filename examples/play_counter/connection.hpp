#pragma once

#include "cluster.hpp"

#include <troupe/troupe.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace play {

/// The limits of a request; one that exceeds them is answered with 431 or 413.
inline constexpr std::size_t max_header_bytes = 8 * 1024;
inline constexpr std::size_t max_body_bytes = 4 * 1024;  // nothing here reads a body
/// How long a request may take to come in, counted from the reply before it, and a reply to be
/// taken by the client. Then the connection is closed.
inline constexpr std::chrono::seconds max_request_time{10};
inline constexpr std::chrono::seconds max_reply_time{10};

/// One HTTP connection: reads a request, answers it, reads the next.
troupe::process connection(troupe::context self, cluster_ptr all,
                           boost::asio::ip::tcp::socket socket);

}  // namespace play
