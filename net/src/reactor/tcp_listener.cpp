#include "reactor/tcp_listener.hpp"

#include "reactor/tcp_stream.hpp"

#include <cerrno>
#include <cstring>

namespace troupe::net {

namespace asio = boost::asio;
using asio::ip::tcp;

// Kept alive by what it waits for.
class tcp_listener::accept_loop : public std::enable_shared_from_this<accept_loop> {
 public:
  accept_loop(reactor& host, transport::accept_handler accepted)
      : host_(host),
        socket_(host.io()),
        pause_(host.io()),
        accepted_(std::make_shared<transport::accept_handler>(std::move(accepted))) {}

  // At an address of the network, or at that local port; 0 chooses one.
  void open(const tcp::endpoint& where, boost::system::error_code& failed);
  void open_local(std::uint16_t port, boost::system::error_code& failed);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void wait();
  void close() noexcept;

 private:
  void open_at(const stream_address& where, boost::system::error_code& failed);
  void accept();
  void accept_later(const boost::system::error_code& why);
  void hand_over(int descriptor, const sockaddr_storage& from, socklen_t length);

  reactor& host_;
  stream_acceptor socket_;
  std::uint16_t port_ = 0;
  bool local_ = false;
  asio::steady_timer pause_;
  std::shared_ptr<transport::accept_handler> accepted_;  // null once it is closed
  bool starved_ = false;
};

void tcp_listener::accept_loop::open_at(const stream_address& where,
                                        boost::system::error_code& failed) {
  open_socket(socket_, where.protocol(), failed);
  if (!failed) socket_.set_option(stream_acceptor::reuse_address(true), failed);
  if (!failed) socket_.bind(where, failed);
  if (!failed) socket_.listen(reactor::accept_backlog, failed);
  if (!failed) socket_.native_non_blocking(true, failed);
}

void tcp_listener::accept_loop::open(const tcp::endpoint& where,
                                     boost::system::error_code& failed) {
  open_at(stream_address(where), failed);
  if (failed) return;
  const stream_address bound = socket_.local_endpoint(failed);
  tcp::endpoint address;
  std::memcpy(address.data(), bound.data(), std::min(bound.size(), address.capacity()));
  port_ = address.port();
}

void tcp_listener::accept_loop::open_local(std::uint16_t port, boost::system::error_code& failed) {
  local_ = true;
  for (int attempt = 0; attempt < max_local_attempts; ++attempt) {
    port_ = port != 0 ? port : local_port_to_try(attempt);
    open_at(local_address(port_), failed);
    if (port != 0 || failed != asio::error::address_in_use) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
}

void tcp_listener::accept_loop::wait() {
  if (accepted_ == nullptr) return;
  socket_.async_wait(stream_acceptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& failed) {
                       if (!failed) self->accept();
                     });
}

void tcp_listener::accept_loop::close() noexcept {
  const auto ended = std::exchange(accepted_, nullptr);  // may own the handle
  boost::system::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
}

void tcp_listener::accept_loop::accept() {
  for (int i = 0; i < reactor::accepts_in_a_row && accepted_ != nullptr; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    // The type that the interface of the operating system asks for.
    auto* const address = reinterpret_cast<sockaddr*>(&from);
    const int made =
        ::accept4(socket_.native_handle(), address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made >= 0) {
      starved_ = false;
      hand_over(made, from, length);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return accept_later(last_error());
    }  // else that connection is over already
  }
  wait();
}

// The connections wait in the backlog meanwhile.
void tcp_listener::accept_loop::accept_later(const boost::system::error_code& why) {
  if (!std::exchange(starved_, true))
    host_.guarded([&] {
      host_.log(
          log_level::warning,
          make_error("cannot accept connections at port " + std::to_string(port()), why).text +
              "; they wait until it can");
    });
  pause_.expires_after(reactor::accept_pause);
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code& failed) {
    if (!failed) self->wait();
  });
}

void tcp_listener::accept_loop::hand_over(int descriptor, const sockaddr_storage& from,
                                          socklen_t length) {
  endpoint peer{std::string(local_host), port_};  // who connects has no address of its own
  if (!local_) {
    tcp::endpoint address;
    std::memcpy(address.data(), &from, std::min<std::size_t>(length, address.capacity()));
    address.resize(length);
    peer = to_endpoint(address);
  }
  stream_socket socket(host_.io());
  boost::system::error_code failed;
  socket.assign({from.ss_family, 0}, descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return;
  }
  // The callback may close the listener.
  host_.guarded([&, call = accepted_] {
    (*call)(std::make_unique<tcp_stream>(host_, std::move(socket), peer));
  });
}

// --- the handle ----------------------------------------------------------------------------------

namespace {

// An address to listen at; a name is none.
std::optional<asio::ip::address> listen_address(const std::string& host) {
  if (host == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  return failed ? std::nullopt : std::optional(address);
}

}  // namespace

io_result<std::unique_ptr<listener>> tcp_listener::open(reactor& host, const endpoint& where,
                                                        transport::accept_handler accepted) {
  const std::string tried = "cannot listen on " + to_string(where);
  const bool local = is_local(where);
  const auto address = listen_address(where.host);
  if (!local && !address)
    return io_error{
        io_errc::no_such_address,
        tried + ": '" + where.host +
            "' is no address: give one of this machine's, such as 127.0.0.1 or ::1, or unix"};
  auto loop = std::make_shared<accept_loop>(host, std::move(accepted));
  boost::system::error_code failed;
  if (local)
    loop->open_local(where.port, failed);
  else
    loop->open({*address, where.port}, failed);
  if (failed) return make_error(tried, failed);
  const std::uint16_t port = loop->port();
  host.post([loop] { loop->wait(); });
  return std::unique_ptr<listener>(new tcp_listener(host, std::move(loop), port));
}

tcp_listener::tcp_listener(reactor& host, std::shared_ptr<accept_loop> loop, std::uint16_t port)
    : guest(host), loop_(std::move(loop)), port_(port) {}

tcp_listener::~tcp_listener() { close(); }
void tcp_listener::abandon() noexcept { close(); }
void tcp_listener::close() noexcept {
  const auto loop = loop_;  // this handle may go with the callback
  loop->close();
}

}  // namespace troupe::net
