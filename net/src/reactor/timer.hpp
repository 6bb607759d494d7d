#pragma once

#include "reactor/reactor.hpp"

#include <algorithm>

namespace troupe::net {

// The handle of `transport::after`.
class timer final : public pending, reactor::guest {
 public:
  timer(reactor& host, std::chrono::nanoseconds delay, std::function<void()> function)
      : guest(host), state_(std::make_shared<state>(host.io(), std::move(function))) {
    state_->clock.expires_after(std::min<std::chrono::nanoseconds>(delay, reactor::longest_delay));
    state_->clock.async_wait([s = state_](const boost::system::error_code&) {
      // Empty if it was cancelled, also when it had fired already and waited for its turn.
      if (const auto call = std::exchange(s->function, nullptr)) call();
    });
  }
  ~timer() override {
    state_->clock.cancel();
    abandon();
  }
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

 private:
  struct state {
    state(boost::asio::io_context& io, std::function<void()> f)
        : clock(io), function(std::move(f)) {}
    boost::asio::steady_timer clock;
    std::function<void()> function;
  };
  void abandon() noexcept override {
    const auto s = state_;
    const auto function = std::exchange(s->function, nullptr);
  }

  const std::shared_ptr<state> state_;
};

}  // namespace troupe::net
