#include "reactor/local_socket.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <unistd.h>

namespace troupe::net {

namespace {
constexpr int lowest = 1024;  // as of TCP, so that names look alike
constexpr int ports = 65536 - lowest;
}  // namespace

bool is_local(const endpoint& where) noexcept { return where.host == local_host; }

stream_address local_address(std::uint16_t port) {
  const std::string name = std::string(1, '\0') + "troupe:" + std::to_string(port);
  return stream_address(boost::asio::local::stream_protocol::endpoint(name));
}

std::uint16_t local_port_to_try(int attempt) noexcept {
  return static_cast<std::uint16_t>(lowest + (::getpid() + attempt) % ports);
}

}  // namespace troupe::net
