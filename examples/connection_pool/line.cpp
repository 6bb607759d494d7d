#include "line.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace pooled {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Notes how a step has ended.
struct keep {
  boost::system::error_code& in;
  template <class... More>
  void operator()(const boost::system::error_code& how, More&&... /*more*/) const {
    in = how;
  }
};

class tcp_line final : public line {
 public:
  tcp_line(unsigned short port, std::chrono::milliseconds limit) : limit_(limit) {
    socket_.async_connect({asio::ip::address_v4::loopback(), port}, keep{result_});
    finish("connect");
  }
  std::string ask(const std::string& text) override {
    const std::string sent = text + '\n';
    asio::async_write(socket_, asio::buffer(sent), keep{result_});
    finish("write");
    asio::async_read_until(socket_, asio::dynamic_buffer(received_), '\n', keep{result_});
    finish("read");
    const auto end = received_.find('\n');
    std::string answer = received_.substr(0, end);
    received_.erase(0, end + 1);
    return answer;
  }

 private:
  // Runs the step until it ends or its time is over.
  void finish(const char* step) {
    io_.restart();
    io_.run_for(limit_);
    if (!io_.stopped()) {
      socket_.close();
      io_.run();
      result_ = asio::error::timed_out;
    }
    if (result_) throw line_failed(std::string(step) + ": " + result_.message());
  }

  std::chrono::milliseconds limit_;
  asio::io_context io_{1};
  tcp::socket socket_{io_};
  std::string received_;
  boost::system::error_code result_;
};

}  // namespace

connect tcp(unsigned short port, std::chrono::milliseconds limit) {
  return [=] { return std::make_shared<tcp_line>(port, limit); };
}

}  // namespace pooled
