#pragma once

#include <troupe/context.hpp>
#include <troupe/net/transport.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace troupe::net {

/// A request got no answer; the text says from where and why.
class http_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The files for TLS with a server: its authorities, and what is shown to it, if anything.
struct http_tls {
  std::filesystem::path authority;
  std::filesystem::path certificate = {};
  std::filesystem::path key = {};
};

struct http_request {
  endpoint to;
  std::string path;
  std::string body = {};           // JSON
  std::string authorization = {};  // the header's value; empty: none
  const http_tls* tls = nullptr;   // null: without; else it lives while the exchange begins
};

/// Longest body of an answer, and longest line of one that comes in lines.
inline constexpr std::size_t max_http_answer_bytes = std::size_t{4} << 20;

/// The answer to one POST over HTTP/1.1, and TLS if wanted, on a connection of its own. For the
/// process that makes it.
class http_exchange {
 public:
  http_exchange();
  ~http_exchange();
  http_exchange(const http_exchange&) = delete;
  http_exchange& operator=(const http_exchange&) = delete;

  /// Sends the request and reads the head of the answer, which gives its status. All of it, also
  /// what is read after it, must come within the limit. Throws http_error.
  [[nodiscard]] task<int> begin(context self, http_request what, std::chrono::nanoseconds limit);
  /// The next line of the body, without its end; none when the body or the time is over.
  [[nodiscard]] task<std::optional<std::string>> next_line(context self);
  /// What is left of the body.
  [[nodiscard]] task<std::string> rest(context self);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace troupe::net
