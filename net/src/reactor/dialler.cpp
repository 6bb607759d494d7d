#include "reactor/dialler.hpp"

#include "reactor/tcp_stream.hpp"

#include <algorithm>

namespace troupe::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using addresses = std::vector<std::string>;

// One dial: the name, then one address after the other. Shared by the handle and the connect that
// is under way.
class dialler : public std::enable_shared_from_this<dialler> {
 public:
  dialler(reactor& host, const endpoint& where, std::chrono::nanoseconds limit,
          transport::dial_handler done)
      : host_(host),
        where_(where),
        deadline_(host.now() + std::min<std::chrono::nanoseconds>(limit, reactor::longest_delay)),
        done_(std::move(done)),
        socket_(host.io()),
        last_failure_(make_error(tried(), io_errc::timed_out)) {}

  void start(std::chrono::nanoseconds limit);
  void cancel() noexcept;

 private:
  [[nodiscard]] std::string tried() const { return "cannot connect to " + to_string(where_); }
  void try_next();
  [[nodiscard]] bool connect(const stream_address& to, const endpoint& peer);
  void connected(const stream_address& to, const endpoint& peer,
                 const boost::system::error_code& failed);
  void give_up_on_address(io_error why);
  void finish(io_result<std::unique_ptr<stream>> result);
  void stop_all() noexcept;

  reactor& host_;
  const endpoint where_;
  const steady_time deadline_;
  transport::dial_handler done_;  // null when it is over
  std::unique_ptr<pending> lookup_;
  std::unique_ptr<pending> time_limit_;  // of the address being tried
  addresses addresses_;
  std::size_t tried_addresses_ = 0;
  stream_socket socket_;
  io_error last_failure_;
};

void dialler::start(std::chrono::nanoseconds limit) {
  if (is_local(where_)) {
    if (!connect(local_address(where_.port), where_))
      host_.post([self = shared_from_this()] {
        if (self->done_) self->finish(std::move(self->last_failure_));
      });
    return;
  }
  lookup_ = host_.names().resolve(host_, where_.host, limit, [this](io_result<addresses> found) {
    const auto self = shared_from_this();
    if (!found) return finish(io_error{found.error().code, tried() + ": " + found.error().text});
    addresses_ = std::move(*found);
    try_next();
  });
}

void dialler::cancel() noexcept {
  const auto done = std::exchange(done_, nullptr);  // may own the handle
  stop_all();
}

void dialler::stop_all() noexcept {
  lookup_.reset();
  time_limit_.reset();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void dialler::try_next() {
  while (tried_addresses_ < addresses_.size()) {
    const auto left = deadline_ - host_.now();
    if (left <= left.zero()) return finish(make_error(tried(), io_errc::timed_out));
    const std::size_t others = addresses_.size() - tried_addresses_;
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(addresses_[tried_addresses_++], failed);
    const tcp::endpoint to(address, where_.port);
    if (failed || !connect(stream_address(to), to_endpoint(to))) continue;
    time_limit_ = host_.after(left / static_cast<std::int64_t>(others), [this] {
      give_up_on_address(make_error(tried(), io_errc::timed_out));
    });
    return;
  }
  finish(std::move(last_failure_));
}

// Whether a connect is under way.
bool dialler::connect(const stream_address& to, const endpoint& peer) {
  boost::system::error_code failed;
  open_socket(socket_, to.protocol(), failed);
  if (failed) {
    last_failure_ = make_error(tried(), failed);
    return false;
  }
  socket_.async_connect(to, [self = shared_from_this(), to, peer,
                             attempt = tried_addresses_](const boost::system::error_code& refused) {
    if (self->done_ && self->tried_addresses_ == attempt && self->socket_.is_open())
      self->connected(to, peer, refused);
  });
  return true;
}

void dialler::connected(const stream_address& to, const endpoint& peer,
                        const boost::system::error_code& failed) {
  if (failed) return give_up_on_address(make_error(tried(), failed));
  // TCP lets a socket connect to itself if it happens to have the port that nobody listens at.
  boost::system::error_code ignored;
  if (socket_.local_endpoint(ignored) == to)
    return give_up_on_address(make_error(tried(), io_errc::refused));
  finish(std::make_unique<tcp_stream>(host_, std::move(socket_), peer));
}

void dialler::give_up_on_address(io_error why) {
  const auto self = shared_from_this();
  last_failure_ = std::move(why);
  stop_all();
  try_next();
}

void dialler::finish(io_result<std::unique_ptr<stream>> result) {
  const auto done = std::exchange(done_, nullptr);
  stop_all();
  done(std::move(result));
}

class dial_handle final : public pending, reactor::guest {
 public:
  dial_handle(reactor& host, std::shared_ptr<dialler> d) : guest(host), dialler_(std::move(d)) {}
  ~dial_handle() override { dialler_->cancel(); }
  dial_handle(const dial_handle&) = delete;
  dial_handle& operator=(const dial_handle&) = delete;

 private:
  void abandon() noexcept override {
    const auto d = dialler_;
    d->cancel();
  }

  const std::shared_ptr<dialler> dialler_;
};

}  // namespace

std::unique_ptr<pending> start_dial(reactor& host, const endpoint& where,
                                    std::chrono::nanoseconds limit, transport::dial_handler done) {
  auto made = std::make_shared<dialler>(host, where, limit, std::move(done));
  made->start(limit);
  return std::make_unique<dial_handle>(host, std::move(made));
}

}  // namespace troupe::net
