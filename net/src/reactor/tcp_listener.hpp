#pragma once

#include "reactor/reactor.hpp"

#include <boost/asio/ip/tcp.hpp>

namespace troupe::net {

// Accepts connections over TCP.
class tcp_listener final : public listener, reactor::guest {
 public:
  [[nodiscard]] static io_result<std::unique_ptr<listener>> open(
      reactor& host, const endpoint& where, transport::accept_handler accepted);

  ~tcp_listener() override;
  tcp_listener(const tcp_listener&) = delete;
  tcp_listener& operator=(const tcp_listener&) = delete;
  [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }
  void close() noexcept override;

 private:
  class accept_loop;
  void abandon() noexcept override;
  tcp_listener(reactor& host, std::shared_ptr<accept_loop> loop, std::uint16_t port);

  const std::shared_ptr<accept_loop> loop_;
  const std::uint16_t port_;
};

}  // namespace troupe::net
