#include "reactor/errors.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <cerrno>

namespace troupe::net {
namespace {

io_errc code_of_errno(int number) noexcept {
  switch (number) {
    case ECANCELED:
    case EBADF: return io_errc::closed;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return io_errc::reset;
    case ECONNREFUSED: return io_errc::refused;
    case ETIMEDOUT: return io_errc::timed_out;
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN: return io_errc::unreachable;
    case EADDRINUSE: return io_errc::in_use;
    case EADDRNOTAVAIL: return io_errc::no_such_address;
    case EACCES:
    case EPERM: return io_errc::not_permitted;
    case EMFILE:
    case ENFILE: return io_errc::too_many_files;
    default: return io_errc::other;
  }
}

// What it means and what to do about it.
std::string_view explanation(io_errc code) noexcept {
  switch (code) {
    case io_errc::closed: return "it was closed on this side";
    case io_errc::eof: return "the peer closed the connection";
    case io_errc::reset: return "the peer reset the connection";
    case io_errc::refused: return "connection refused: nothing listens there";
    case io_errc::timed_out: return "no answer within the time given";
    case io_errc::unreachable: return "there is no way to that address";
    case io_errc::no_such_host: return "no address is known for that host";
    case io_errc::in_use:
      return "the address is in use: stop the program that listens there, or choose another port";
    case io_errc::no_such_address: return "this machine does not have that address";
    case io_errc::not_permitted:
      return "not permitted: ports below 1024 need a privilege, and a firewall may refuse others";
    case io_errc::too_many_files:
      return "no file descriptor is left: raise the limit (ulimit -n) or close connections";
    case io_errc::tls: return "the two sides do not agree on TLS";
    case io_errc::other: return "";
  }
  return "";
}

}  // namespace

std::string_view to_string(io_errc code) noexcept {
  switch (code) {
    case io_errc::closed: return "closed";
    case io_errc::eof: return "eof";
    case io_errc::reset: return "reset";
    case io_errc::refused: return "refused";
    case io_errc::timed_out: return "timed_out";
    case io_errc::unreachable: return "unreachable";
    case io_errc::no_such_host: return "no_such_host";
    case io_errc::in_use: return "in_use";
    case io_errc::no_such_address: return "no_such_address";
    case io_errc::not_permitted: return "not_permitted";
    case io_errc::too_many_files: return "too_many_files";
    case io_errc::tls: return "tls";
    case io_errc::other: return "other";
  }
  return "other";
}

io_errc code_of(const boost::system::error_code& error) noexcept {
  if (error == boost::asio::error::eof) return io_errc::eof;
  if (error.category() == boost::asio::error::get_netdb_category() ||
      error.category() == boost::asio::error::get_addrinfo_category())
    return io_errc::no_such_host;
  // Whoever cut it, it was not the peer's TLS.
  if (error == boost::asio::ssl::error::stream_truncated) return io_errc::reset;
  if (error.category() == boost::asio::error::get_ssl_category()) return io_errc::tls;
  if (error.category() == boost::system::system_category()) return code_of_errno(error.value());
  return io_errc::other;
}

io_error make_error(const std::string& tried, io_errc code) {
  return {code, tried + ": " + std::string(explanation(code))};
}

io_error make_error(const std::string& tried, const boost::system::error_code& error) {
  const io_errc code = code_of(error);
  return code == io_errc::other || code == io_errc::tls
             ? io_error{code, tried + ": " + error.message()}
             : make_error(tried, code);
}

boost::system::error_code last_error() noexcept {
  return {errno, boost::system::system_category()};
}

}  // namespace troupe::net
