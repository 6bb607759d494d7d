#include "acceptor.hpp"

#include "connections.hpp"

#include <troupe/net/asio.hpp>

namespace play {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

listener_ptr listen(troupe::system& system, std::uint16_t port) {
  const tcp::endpoint where(boost::asio::ip::address_v4::loopback(), port);
  try {
    return std::make_shared<tcp::acceptor>(troupe::net::io_context_of(system), where);
  } catch (const boost::system::system_error& failed) {
    throw std::runtime_error("cannot listen for HTTP on port " + std::to_string(port) + ": " +
                             failed.code().message() + "; give another --port");
  }
}

troupe::process acceptor(troupe::context self, listener_ptr listener) {
  for (;;) {
    tcp::socket socket(listener->get_executor());
    const auto [failed] = co_await listener->async_accept(socket, troupe::net::use_process(self));
    if (failed) {
      // The client is gone already, or no descriptor is left until a connection ends.
      self.system().log(troupe::log_level::warning, "cannot accept: " + failed.message());
      co_await self.sleep(100ms);
      continue;
    }
    boost::system::error_code ignored;
    (void)socket.set_option(tcp::no_delay(true), ignored);  // replies are small and written at once
    co_await self.call("connections", serve(std::move(socket)), troupe::infinity);
  }
}

}  // namespace play
