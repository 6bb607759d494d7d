#include "net/chaos_proxy.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <future>
#include <span>
#include <vector>

namespace troupe_test {

namespace asio = boost::asio;
using asio::use_awaitable;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t index(chaos_proxy::way which) { return static_cast<std::size_t>(which); }
constexpr std::byte flipped_bits{0xff};

}  // namespace

struct chaos_proxy::link {
  link(tcp::socket from, asio::io_context& io) : dialler(std::move(from)), target(io) {}
  tcp::socket dialler;
  tcp::socket target;
  bool held = false;
  std::optional<spot> cut;
  std::optional<spot> flip;
  std::array<std::size_t, 2> passed{};

  void close() {
    boost::system::error_code ignored;
    dialler.close(ignored);
    target.close(ignored);
  }
  void reset() {
    boost::system::error_code ignored;
    for (tcp::socket* s : {&dialler, &target})
      s->set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }
};

chaos_proxy::chaos_proxy(std::uint16_t target)
    : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
      target_(asio::ip::address_v4::loopback(), target),
      port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(io_, accept(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

chaos_proxy::~chaos_proxy() {
  io_.stop();
  thread_.join();
}

asio::awaitable<void> chaos_proxy::accept() {
  for (;;) {
    auto l = std::make_shared<link>(co_await acceptor_.async_accept(use_awaitable), io_);
    l->cut = std::exchange(cut_next_, std::nullopt);
    l->flip = std::exchange(flip_next_, std::nullopt);
    links_.push_back(l);
    asio::co_spawn(io_, connect(l), asio::detached);
  }
}

asio::awaitable<void> chaos_proxy::connect(std::shared_ptr<link> l) {
  try {
    co_await l->target.async_connect(target_, use_awaitable);
    for (tcp::socket* s : {&l->dialler, &l->target}) s->set_option(tcp::no_delay(true));
  } catch (const boost::system::system_error&) {
    l->close();
    co_return;
  }
  asio::co_spawn(io_, pass(l, way::to_target), asio::detached);
  asio::co_spawn(io_, pass(l, way::to_dialler), asio::detached);
}

asio::awaitable<void> chaos_proxy::rest(std::chrono::nanoseconds time) {
  asio::steady_timer timer(io_, time);
  co_await timer.async_wait(use_awaitable);
}

// The end of one direction is passed on as it is; what breaks one breaks both.
asio::awaitable<void> chaos_proxy::pass(std::shared_ptr<link> l, way which) {
  tcp::socket& from = which == way::to_target ? l->dialler : l->target;
  tcp::socket& to = which == way::to_target ? l->target : l->dialler;
  std::vector<std::byte> buffer(16 * 1024);
  try {
    for (;;) {
      boost::system::error_code failed;
      const std::size_t n =
          co_await from.async_read_some(asio::buffer(buffer, std::min(piece_, buffer.size())),
                                        asio::redirect_error(use_awaitable, failed));
      if (delay_ > 0ns) co_await rest(delay_);
      if (bytes_per_second_ > 0)
        co_await rest(std::chrono::nanoseconds(n * 1'000'000'000 / bytes_per_second_));
      while (l->held || stalled_[index(which)]) co_await rest(1ms);
      std::span<std::byte> bytes = std::span(buffer).first(n);
      const bool goes_on = mangle(*l, which, bytes);
      co_await asio::async_write(to, asio::buffer(bytes.data(), bytes.size()), use_awaitable);
      passed_[index(which)] += bytes.size();
      if (!goes_on) co_return l->close();
      if (failed == asio::error::eof) co_return to.shutdown(tcp::socket::shutdown_send);
      if (failed) co_return l->reset();
    }
  } catch (const boost::system::system_error&) {
    l->reset();
  }
}

bool chaos_proxy::mangle(link& l, way which, std::span<std::byte>& bytes) {
  const std::size_t before = l.passed[index(which)];
  const auto hits = [&](const std::optional<spot>& at) {
    return at && at->which == which && at->offset >= before && at->offset < before + bytes.size();
  };
  l.passed[index(which)] += bytes.size();
  if (hits(l.flip)) bytes[l.flip->offset - before] ^= flipped_bits;
  if (!bytes.empty() && std::exchange(flip_now_[index(which)], false)) bytes[0] ^= flipped_bits;
  if (!hits(l.cut)) return true;
  bytes = bytes.first(l.cut->offset - before);
  return false;
}

// --- from outside -------------------------------------------------------------------------------

void chaos_proxy::run(const std::function<void()>& change) {
  std::promise<void> done;
  asio::post(io_, [&] {
    change();
    done.set_value();
  });
  done.get_future().wait();
}

void chaos_proxy::delay(std::chrono::nanoseconds time, std::size_t piece) {
  run([&] {
    delay_ = time;
    piece_ = piece;
  });
}
void chaos_proxy::limit(std::size_t bytes_per_second) {
  run([&] { bytes_per_second_ = bytes_per_second; });
}
void chaos_proxy::stall(way which, bool on) {
  run([&] { stalled_[index(which)] = on; });
}
void chaos_proxy::hold() {
  run([&] {
    for (const auto& at : links_)
      if (const auto l = at.lock()) l->held = true;
  });
}
void chaos_proxy::release() {
  run([&] {
    for (const auto& at : links_)
      if (const auto l = at.lock()) l->held = false;
  });
}
void chaos_proxy::reset() {
  run([&] {
    for (const auto& at : links_)
      if (const auto l = at.lock()) l->reset();
  });
}
void chaos_proxy::cut_next(way which, std::size_t offset) {
  run([&] { cut_next_ = spot{which, offset}; });
}
void chaos_proxy::flip_next(way which, std::size_t offset) {
  run([&] { flip_next_ = spot{which, offset}; });
}
void chaos_proxy::flip_now(way which) {
  run([&] { flip_now_[index(which)] = true; });
}
std::size_t chaos_proxy::connections() {
  std::size_t open = 0;
  run([&] {
    std::erase_if(links_, [](const auto& at) { return at.expired(); });
    open = links_.size();
  });
  return open;
}
std::size_t chaos_proxy::passed(way which) {
  std::size_t bytes = 0;
  run([&] { bytes = passed_[index(which)]; });
  return bytes;
}

}  // namespace troupe_test
