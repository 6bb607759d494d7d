#include "echo_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <thread>

namespace pooled {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// One connection: reads a line, writes it, and so on until the other side closes.
class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(tcp::socket socket) : socket_(std::move(socket)) {}
  void read() {
    asio::async_read_until(
        socket_, asio::dynamic_buffer(text_, max_line), '\n',
        [self = shared_from_this()](const boost::system::error_code& failed, std::size_t size) {
          if (!failed) self->write(size);
        });
  }

 private:
  static constexpr std::size_t max_line = 4096;

  void write(std::size_t size) {
    asio::async_write(
        socket_, asio::buffer(text_, size),
        [self = shared_from_this(), size](const boost::system::error_code& failed, std::size_t) {
          self->text_.erase(0, size);
          if (!failed) self->read();
        });
  }
  tcp::socket socket_;
  std::string text_;
};

}  // namespace

struct echo_server::parts {
  explicit parts(unsigned short port)
      : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), port)) {
    accept();
    thread = std::thread([this] { io.run(); });
  }
  ~parts() {
    io.stop();
    thread.join();
  }
  parts(const parts&) = delete;
  parts& operator=(const parts&) = delete;
  void accept() {
    acceptor.async_accept([this](const boost::system::error_code& failed, tcp::socket socket) {
      if (!failed) std::make_shared<session>(std::move(socket))->read();
      accept();
    });
  }

  asio::io_context io{1};
  tcp::acceptor acceptor;
  std::thread thread;
};

echo_server::echo_server(unsigned short port) : parts_(std::make_unique<parts>(port)) {}
echo_server::~echo_server() = default;
unsigned short echo_server::port() const { return parts_->acceptor.local_endpoint().port(); }

}  // namespace pooled
