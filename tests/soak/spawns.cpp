// Processes that are spawned on another node, linked, and end: what is left of them at both ends.

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::task;

namespace {

constexpr std::int64_t spawners = 256;  // each has one spawn under way
constexpr std::int64_t mebibyte = std::int64_t{1} << 20;

// Spawns one after the other, and sees each end by its link.
troupe::process spawner(context self, troupe::net::node* home, std::string where,
                        std::int64_t count) {
  (void)self.trap_exits(true);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto made = co_await home->spawn_link_on(self, where, "brief");
    const auto ended = co_await self.receive<troupe::exit_signal>();
    if (ended.from != made || ended.reason != troupe::exit_reason::normal)
      throw std::runtime_error("another end than that of who was spawned");
  }
}

task<> spawn_all(context self, troupe::net::node& home, std::string where, std::int64_t count) {
  for (std::int64_t i = 0; i < spawners; ++i)
    (void)self.spawn_monitor(spawner, &home, where, count / spawners);
  for (std::int64_t i = 0; i < spawners; ++i) {
    const auto ended = co_await self.receive<troupe::down>();
    if (ended.reason != troupe::exit_reason::normal)
      throw std::runtime_error("a spawner failed: " + std::string(ended.reason.text()));
  }
}

}  // namespace

void spawns(run& r) {
  const std::int64_t count = r.size<std::int64_t>(20, 40'000) * spawners;
  const std::int64_t warm_up = count / 10;
  home_node home;
  home.system.run([&](context self) -> task<> {
    const auto peer = co_await start_ready_peer(self, home.node, peer_program());
    const troupe::destination host{"host", peer.node};
    co_await spawn_all(self, home.node, peer.node, warm_up);
    const holdings peer_before = co_await self.call(host, tell_holdings{}, troupe::infinity);
    const holdings before = holdings_of(home.system);
    const auto start = self.now();
    co_await spawn_all(self, home.node, peer.node, count);
    const std::chrono::duration<double> time = self.now() - start;
    const holdings peer_after = co_await self.call(host, tell_holdings{}, troupe::infinity);
    const holdings after = co_await self.blocking([&] { return settled(home.system, before); });
    r.figure("processes spawned on another node, linked, and ended", static_cast<double>(count),
             "");
    r.figure("of them a second", static_cast<double>(count) / time.count(), "");
    compare(r, "where they were", peer_before, peer_after, 8 * mebibyte);
    compare(r, "who spawned them", before, after, 8 * mebibyte);
    co_await end_peer(self, peer.peer);
  });
}

}  // namespace soak
