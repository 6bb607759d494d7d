#include "roles.hpp"

#include <ranges>

namespace play {

void run_until(troupe::system& system, troupe::pid stop_asked,
               const std::vector<troupe::pid>& trees) {
  system.run([&](troupe::context self) -> troupe::task<> {
    const auto stop = self.monitor(stop_asked);
    for (const troupe::pid tree : trees) (void)self.monitor(tree);
    const auto first = co_await self.receive<troupe::down>();
    if (first.ref != stop)
      throw std::runtime_error("its processes ended again and again; the log above tells why");
    for (const troupe::pid tree : trees | std::views::reverse) {
      system.exit(tree, troupe::exit_reason::shutdown);
      (void)co_await self.receive<troupe::down>();
    }
  });
}

}  // namespace play
