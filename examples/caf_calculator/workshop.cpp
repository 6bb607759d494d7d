#include "calculator.hpp"
#include "messages.hpp"
#include "roles.hpp"

#include <troupe/net/peer.hpp>

namespace example {
namespace {

troupe::process directory(troupe::context self) {
  for (;;) co_await self.receive([&](troupe::request<find> r) { r.reply(self.whereis(r->name)); });
}

}  // namespace

void run_workshop() {
  caf::actor_system_config config;
  caf::actor_system guests(config);
  troupe::system system;
  const troupe::caf::bridge bridge(guests, system, known_types{});
  system.supervise(troupe::one_for_one{.intensity = 3},
                   {bridge.child("calculator", calculator).registered(),
                    troupe::child("directory", directory).registered()});
  const troupe::net::node node(system, {});  // name and cookie: from the desk
  system.run(troupe::net::until_parent_ends);
}

}  // namespace example
