#pragma once

#include <troupe/net/transport.hpp>

#include <map>
#include <memory>

namespace troupe_test {

// Another transport, but some ports are dialled by way of others.
class detour final : public troupe::net::transport {
 public:
  explicit detour(troupe::net::transport& inner) : inner_(inner) {}
  // Before anything is dialled.
  void lead(std::uint16_t from, std::uint16_t by) { ways_[from] = by; }

  troupe::net::io_result<std::unique_ptr<troupe::net::listener>> listen(
      const troupe::net::endpoint& where, accept_handler accepted) override {
    return inner_.listen(where, std::move(accepted));
  }
  std::unique_ptr<troupe::net::pending> dial(const troupe::net::endpoint& where,
                                             std::chrono::nanoseconds limit,
                                             dial_handler done) override {
    troupe::net::endpoint to = where;
    if (const auto way = ways_.find(to.port); way != ways_.end()) to.port = way->second;
    return inner_.dial(to, limit, std::move(done));
  }
  void post(std::function<void()> function) override { inner_.post(std::move(function)); }
  std::unique_ptr<troupe::net::pending> after(std::chrono::nanoseconds delay,
                                              std::function<void()> function) override {
    return inner_.after(delay, std::move(function));
  }
  [[nodiscard]] troupe::steady_time now() const noexcept override { return inner_.now(); }

 private:
  troupe::net::transport& inner_;
  std::map<std::uint16_t, std::uint16_t> ways_;
};

// The port of a node's name.
inline std::uint16_t port_of(const std::string& node) {
  return troupe::net::parse_endpoint(node.substr(node.find('@') + 1))->port;
}

}  // namespace troupe_test
