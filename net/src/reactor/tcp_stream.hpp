#pragma once

#include "reactor/errors.hpp"
#include "reactor/local_socket.hpp"
#include "reactor/reactor.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace troupe::net {

// Opens a socket or acceptor that children of this OS process do not inherit.
template <class Socket>
void open_socket(Socket& socket, const boost::asio::generic::stream_protocol& protocol,
                 boost::system::error_code& failed) {
  const int made = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, protocol.protocol());
  if (made < 0) {
    failed = last_error();
    return;
  }
  socket.assign(protocol, made, failed);
  if (failed) ::close(made);
}
[[nodiscard]] endpoint to_endpoint(const boost::asio::ip::tcp::endpoint& where);

// A connection over TCP or, on one machine, the Unix domain; or over TLS over it.
class tcp_stream final : public stream, reactor::guest {
 public:
  tcp_stream(reactor& host, stream_socket socket, endpoint peer);
  ~tcp_stream() override;
  tcp_stream(const tcp_stream&) = delete;
  tcp_stream& operator=(const tcp_stream&) = delete;

  void read_some(std::span<std::byte> into, handler done) override;
  void write_some(std::span<const std::byte> from, handler done) override;
  void await_bytes(std::function<void()> done) override;
  void start_tls(tls_context& ours, tls_side side, tls_handler done) override;
  void close() noexcept override;
  void reset() noexcept override;
  [[nodiscard]] const endpoint& peer() const noexcept override { return connection_->peer; }

 private:
  struct direction {
    const char* action;
    handler done = nullptr;  // to be called when the operation under way is over
    // How it ended. Asio would wait for a change that does not come any more.
    boost::system::error_code end = {};
  };
  struct tls_layer;
  // What the operations under way share with the handle.
  struct connection {
    stream_socket socket;
    endpoint peer;
    bool secured = false;                 // goes on over TLS
    std::shared_ptr<tls_layer> tls = {};  // over the socket, once that has begun
    direction reading{"read from"};
    direction writing{"write to"};
    bool open = true;

    void finish(direction connection::* which, const boost::system::error_code& failed,
                std::size_t bytes);
    // Calls it with what the bytes go through.
    template <class Operation>
    void through(Operation&& operation);
    [[nodiscard]] io_error failure(const direction& way,
                                   const boost::system::error_code& failed) const;
    static void shake_hands(const std::shared_ptr<connection>& self, SSL* ssl, tls_side side);
    void say_end(const std::shared_ptr<connection>& self);
    void close() noexcept;
    void reset() noexcept;
  };
  void abandon() noexcept override;
  [[nodiscard]] bool begin(direction connection::* which, std::size_t room, handler done);

  const std::shared_ptr<connection> connection_;
};

}  // namespace troupe::net
