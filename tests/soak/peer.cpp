// What this program is when it was started as a peer.

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::request;
using troupe::task;

troupe::process echo(context self) {
  (void)self.trap_exits(true);
  for (;;)
    co_await self.receive([](const troupe::exit_signal&) {}, [](const parcel&) {},
                          [](request<echo_of> r) { r.reply(r->number); },
                          [&](request<tell_pid> r) { r.reply(self.id()); });
}

troupe::process brief(context) { co_return; }

namespace {

troupe::process deaf(context self) { co_await self.sleep(troupe::infinity); }

// It answers when all is there.
troupe::process host(context self, made_node made) {
  (void)co_await self.blocking([&] { return made.get(); });
  for (;;)
    co_await self.receive([&](request<tell_holdings> r) { r.reply(holdings_of(self.system())); });
}

}  // namespace

troupe::net::peer_options peer_program(std::chrono::milliseconds tick_time) {
  return {.name = "peer@127.0.0.1:0",
          .arguments = {"--tick-time", std::to_string(tick_time.count())}};
}

void serve_as_peer(std::chrono::milliseconds tick_time) {
  troupe::system system(quiet());
  std::promise<troupe::net::node*> made;
  const made_node later = made.get_future().share();
  system.spawn_with({.name = "echo"}, echo);
  system.spawn_with({.name = "deaf"}, deaf);
  system.spawn_with({.name = "host"}, host, later);
  system.spawn_with({.name = "talker"}, talker, later);
  troupe::net::node_options options;
  if (tick_time > 0ms) options.tick_time = tick_time;
  troupe::net::node node(system, options);
  node.offer("brief", brief);
  made.set_value(&node);
  system.run(troupe::net::until_parent_ends);
}

task<troupe::net::peer_joined> start_ready_peer(context self, const troupe::net::node& home,
                                                troupe::net::peer_options how) {
  auto peer = co_await troupe::net::start_peer(self, home, std::move(how));
  (void)co_await self.call({"host", peer.node}, tell_holdings{}, troupe::infinity);
  co_return peer;
}

task<> end_peer(context self, troupe::pid peer, troupe::exit_reason why) {
  const auto ended = self.monitor(peer);
  self.exit(peer, why);
  (void)co_await self.receive<troupe::down>([&](const auto& d) { return d.ref == ended; });
}

}  // namespace soak
