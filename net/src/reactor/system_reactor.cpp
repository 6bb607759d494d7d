// The reactor of a system: its workers wait in it, so what they wait in is where it is found.

#include <troupe/distribution.hpp>
#include <troupe/net/asio.hpp>
#include <troupe/net/transport.hpp>
#include <troupe/system.hpp>

#include "reactor/reactor.hpp"
#include "reactor/system_resolver.hpp"

#include <stdexcept>

namespace troupe::net {
namespace {

class system_log final : public log_sink {
 public:
  explicit system_log(const troupe::system& home) noexcept : home_(home) {}
  void write(log_level level, std::string_view text) noexcept override { home_.log(level, text); }

 private:
  const troupe::system& home_;
};

std::shared_ptr<poller> poller_of(troupe::system& home) {
  return troupe::internal::poller_of(home.home(), [&] {
    return std::make_shared<reactor>(home.time(), std::make_shared<system_log>(home),
                                     std::make_shared<system_resolver>(home));
  });
}

template <class Wanted>
std::shared_ptr<Wanted> poller_as(troupe::system& home) {
  auto wanted = std::dynamic_pointer_cast<Wanted>(poller_of(home));
  if (wanted == nullptr)
    throw std::logic_error(
        "troupe: the workers of this system wait in a poller that is not made of sockets: a "
        "simulated system has a transport, but no io_context");
  return wanted;
}

}  // namespace

std::shared_ptr<transport> transport_of(troupe::system& home) { return poller_as<transport>(home); }
void set_busy_poll(troupe::system& home, std::chrono::nanoseconds time) {
  if (const auto sockets = std::dynamic_pointer_cast<reactor>(poller_of(home)))
    sockets->set_busy_poll(time);
}
boost::asio::io_context& io_context_of(troupe::system& home) {
  return poller_as<reactor>(home)->io();
}

}  // namespace troupe::net
