#include "connection.hpp"

#include "routes.hpp"

#include <troupe/net/asio.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace play {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;
using troupe::net::use_process;

response render(const reply& what, const request& asked) {
  response made{what.status, asked.version(), what.body};
  made.set(http::field::server, "play_counter");
  made.set(http::field::content_type, "text/plain");
  if (!what.allow.empty()) made.set(http::field::allow, what.allow);
  made.keep_alive(asked.keep_alive());
  made.prepare_payload();
  if (asked.method() == http::verb::head) made.body().clear();  // its length is told all the same
  return made;
}

// What to say to bytes that are no request, or too large a one; nothing if the client is gone.
std::optional<reply> refusal(beast::error_code failed) {
  if (failed == http::error::header_limit)
    return reply{http::status::request_header_fields_too_large, "the header is too large"};
  if (failed == http::error::body_limit)
    return reply{http::status::payload_too_large, "the body is too large"};
  const bool from_parser = failed.category() == make_error_code(http::error::bad_method).category();
  if (!from_parser || failed == http::error::end_of_stream ||
      failed == http::error::partial_message)
    return std::nullopt;
  return reply{http::status::bad_request, "this is no HTTP request: " + failed.message()};
}

troupe::task<bool> write(troupe::context self, beast::tcp_stream& stream, response what) {
  stream.expires_after(max_reply_time);
  const auto [failed, size] = co_await http::async_write(stream, what, use_process(self));
  co_return !failed && what.keep_alive();
}

// Says why, then reads for a short time what the client is still sending: closing with unread bytes
// would reset the connection, and the client might never see the reply.
troupe::task<> refuse(troupe::context self, beast::tcp_stream& stream, reply why) {
  request none;
  none.keep_alive(false);
  co_await write(self, stream, render(why, none));
  beast::error_code failed;
  (void)stream.socket().shutdown(boost::asio::socket_base::shutdown_send, failed);
  stream.expires_after(std::chrono::seconds(1));
  std::array<char, 4096> rest;
  std::size_t size = 0;
  while (!failed)
    std::tie(failed, size) =
        co_await stream.async_read_some(boost::asio::buffer(rest), use_process(self));
}

// Whether another request may follow.
troupe::task<bool> serve_one(troupe::context self, const cluster& all, beast::tcp_stream& stream,
                             beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(max_header_bytes);
  parser.body_limit(max_body_bytes);
  stream.expires_after(max_request_time);
  const auto [failed, size] = co_await http::async_read(stream, buffer, parser, use_process(self));
  if (failed) {
    if (auto why = refusal(failed)) co_await refuse(self, stream, std::move(*why));
    co_return false;
  }
  const request& asked = parser.get();
  const reply found = co_await answer(self, all, asked.method(), asked.target());
  co_return co_await write(self, stream, render(found, asked));
}

}  // namespace

troupe::process connection(troupe::context self, cluster_ptr all,
                           boost::asio::ip::tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(max_header_bytes + max_body_bytes);
  while (co_await serve_one(self, *all, stream, buffer)) {
  }
}

}  // namespace play
