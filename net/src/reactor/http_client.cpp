#include "reactor/http_client.hpp"

#include <troupe/net/asio.hpp>
#include <troupe/system.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <tuple>
#include <vector>

#include "reactor/errors.hpp"
#include "reactor/system_resolver.hpp"
#include "reactor/tls_client.hpp"

namespace troupe::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

task<std::vector<tcp::endpoint>> resolve(context self, const endpoint& to) {
  std::vector<tcp::endpoint> all;
  boost::system::error_code name;
  const auto address = asio::ip::make_address(to.host, name);
  if (!name) {
    all.emplace_back(address, to.port);
    co_return all;
  }
  auto addresses = co_await self.blocking([&] { return find_addresses(to.host); });
  if (!addresses) throw http_error(addresses.error().text);
  for (const std::string& text : *addresses)
    all.emplace_back(asio::ip::make_address(text), to.port);
  co_return all;
}

}  // namespace

struct http_exchange::state {
  using outcome = std::tuple<boost::system::error_code, std::size_t>;
  using tls_layer = asio::ssl::stream<beast::tcp_stream&>;

  explicit state(context self) : stream(io_context_of(self.system())) {
    parser.body_limit(boost::none);
  }
  [[noreturn]] void fail(const char* what, const boost::system::error_code& why) const {
    throw http_error(make_error(std::string("cannot ") + what + ' ' + to_string(to), why).text);
  }
  [[nodiscard]] std::string& body() { return parser.get().body(); }

  // Over TLS or without.
  task<> start_tls(context self, const http_tls& files);
  task<outcome> write(context self, http::request<http::string_body>& request);
  task<outcome> read_header(context self);
  task<outcome> read_some(context self);

  endpoint to;
  beast::tcp_stream stream;
  std::optional<asio::ssl::context> ours;
  std::optional<tls_layer> secured;  // null: without
  beast::flat_buffer buffer{max_http_answer_bytes};
  http::response_parser<http::string_body> parser;
};

task<> http_exchange::state::start_tls(context self, const http_tls& files) {
  ours.emplace(co_await self.blocking([&] { return tls_client_context(files); }));
  secured.emplace(stream, *ours);
  expect_server(*secured->native_handle(), to.host);
  const auto [failed] =
      co_await secured->async_handshake(asio::ssl::stream_base::client, use_process(self));
  if (failed)
    throw http_error("cannot speak TLS with " + to_string(to) + ": " +
                     tls_client_failure(*secured->native_handle(), failed));
}

task<http_exchange::state::outcome> http_exchange::state::write(
    context self, http::request<http::string_body>& request) {
  if (secured) co_return co_await http::async_write(*secured, request, use_process(self));
  co_return co_await http::async_write(stream, request, use_process(self));
}

task<http_exchange::state::outcome> http_exchange::state::read_header(context self) {
  if (secured)
    co_return co_await http::async_read_header(*secured, buffer, parser, use_process(self));
  co_return co_await http::async_read_header(stream, buffer, parser, use_process(self));
}

task<http_exchange::state::outcome> http_exchange::state::read_some(context self) {
  if (secured)
    co_return co_await http::async_read_some(*secured, buffer, parser, use_process(self));
  co_return co_await http::async_read_some(stream, buffer, parser, use_process(self));
}

http_exchange::http_exchange() = default;
http_exchange::~http_exchange() = default;

task<int> http_exchange::begin(context self, http_request what, std::chrono::nanoseconds limit) {
  state_ = std::make_unique<state>(self);
  state& s = *state_;
  s.to = what.to;
  const auto addresses = co_await resolve(self, what.to);
  s.stream.expires_after(limit);
  for (boost::system::error_code refused; const tcp::endpoint& at : addresses) {
    std::tie(refused) = co_await s.stream.async_connect(at, use_process(self));
    if (!refused) break;
    if (&at == &addresses.back()) s.fail("connect to", refused);
    s.stream.close();
  }
  if (what.tls != nullptr) co_await s.start_tls(self, *what.tls);

  http::request<http::string_body> request(http::verb::post, what.path, 11);
  request.set(http::field::host, to_string(what.to));
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  if (!what.authorization.empty()) request.set(http::field::authorization, what.authorization);
  request.body() = std::move(what.body);
  request.prepare_payload();
  const auto [unsent, sent] = co_await s.write(self, request);
  if (unsent) s.fail("write to", unsent);
  const auto [unread, read] = co_await s.read_header(self);
  if (unread) s.fail("read from", unread);
  co_return s.parser.get().result_int();
}

task<std::optional<std::string>> http_exchange::next_line(context self) {
  state& s = *state_;
  for (;;) {
    std::string& body = s.body();
    if (const auto end = body.find('\n'); end != std::string::npos) {
      std::string line = body.substr(0, end);
      body.erase(0, end + 1);
      co_return line;
    }
    if (s.parser.is_done()) co_return std::nullopt;
    if (body.size() > max_http_answer_bytes)
      throw http_error(to_string(s.to) + " sent a line that is too long");
    const auto [failed, read] = co_await s.read_some(self);
    if (failed == beast::error::timeout) co_return std::nullopt;
    if (failed) s.fail("read from", failed);
  }
}

task<std::string> http_exchange::rest(context self) {
  state& s = *state_;
  while (!s.parser.is_done()) {
    if (s.body().size() > max_http_answer_bytes)
      throw http_error(to_string(s.to) + " sent an answer that is too long");
    const auto [failed, read] = co_await s.read_some(self);
    if (failed) s.fail("read from", failed);
  }
  co_return std::move(s.body());
}

}  // namespace troupe::net
