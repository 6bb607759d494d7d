#pragma once
// Stands between a node and one that dials it, and does to their connections what networks do.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <thread>

namespace troupe_test {

// For any thread; what passes runs on one of its own. All faults but `hold`, `reset` and those of
// one byte are of all connections, those to come included.
class chaos_proxy {
 public:
  enum class way : std::uint8_t { to_target, to_dialler };

  // Listens on loopback and passes on to that port.
  explicit chaos_proxy(std::uint16_t target);
  ~chaos_proxy();
  chaos_proxy(const chaos_proxy&) = delete;
  chaos_proxy& operator=(const chaos_proxy&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Each piece waits so long, and is at most so long.
  void delay(std::chrono::nanoseconds time, std::size_t piece = 16 * 1024);
  void limit(std::size_t bytes_per_second);
  void stall(way which, bool on);
  // The connections that there are now pass nothing until they are released.
  void hold();
  void release();
  void reset();
  // Counted from what the next connection passes first.
  void cut_next(way which, std::size_t offset);
  void flip_next(way which, std::size_t offset);
  // The first byte that passes from now on, on whatever connection.
  void flip_now(way which);

  [[nodiscard]] std::size_t connections();  // that are open
  [[nodiscard]] std::size_t passed(way which);

 private:
  using tcp = boost::asio::ip::tcp;
  struct link;
  struct spot {
    way which;
    std::size_t offset;
  };
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> connect(std::shared_ptr<link> l);
  boost::asio::awaitable<void> pass(std::shared_ptr<link> l, way which);
  boost::asio::awaitable<void> rest(std::chrono::nanoseconds time);
  // False: the connection is to be cut before so many of the bytes have passed, which are left.
  bool mangle(link& l, way which, std::span<std::byte>& bytes);
  void run(const std::function<void()>& change);

  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  const tcp::endpoint target_;
  const std::uint16_t port_;
  std::list<std::weak_ptr<link>> links_;
  std::chrono::nanoseconds delay_{0};
  std::size_t piece_ = 16 * 1024;
  std::size_t bytes_per_second_ = 0;
  std::array<bool, 2> stalled_{};
  std::array<std::size_t, 2> passed_{};
  std::array<bool, 2> flip_now_{};
  std::optional<spot> cut_next_;
  std::optional<spot> flip_next_;
  std::thread thread_;
};

}  // namespace troupe_test
