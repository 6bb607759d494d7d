// OS processes that stand still: SIGSTOP and SIGCONT.
#include <csignal>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "net/peer_program.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::task;
using troupe::net::nodedown;
using troupe::net::nodeup;
using troupe::net::peer_joined;
using troupe::net::start_peer;

namespace {

// Stops it and waits until it stands still.
task<> stop(context self, int os_process) {
  ::kill(os_process, SIGSTOP);
  const std::string stat = "/proc/" + std::to_string(os_process) + "/stat";
  CHECK(co_await comes_true(self, [&] { return content_of(stat).find(") T ") < 1000; }));
}

}  // namespace

TEST_CASE("a node that stands still for less than the tick time is not missed and loses nothing") {
  test_node a{{.tick_time = 1h}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program("slow ticking peer"));
    a.node->monitor_nodes(self);
    (void)co_await self.receive<nodeup>();
    const auto echo = co_await pid_of(self, "echo", peer.node);
    const auto watched = self.monitor(echo);
    co_await stop(self, peer.os_process);
    auto early = self.send_request(echo, ask{1}, troupe::infinity);
    for (int i = 0; i < 100; ++i) self.send(echo, number{i});
    ::kill(peer.os_process, SIGCONT);
    auto answer = co_await early;
    CHECK((answer && *answer == 2));
    CHECK(co_await self.call(echo, ask{2}, troupe::infinity) == 3);
    CHECK_FALSE(co_await self.receive_within<nodedown>(0ns));
    self.demonitor(watched);
  });
}

TEST_CASE(
    "a node that stands still for longer is dropped and joins again as the same incarnation") {
  test_node a{{.tick_time = 400ms}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program("fast ticking peer"));
    a.node->monitor_nodes(self);
    CHECK((co_await self.receive<nodeup>()).incarnation == peer.incarnation);
    const auto echo = co_await pid_of(self, "echo", peer.node);
    const auto watched = self.monitor(echo);
    co_await stop(self, peer.os_process);
    const auto down = co_await self.receive<troupe::down>(
        [&](const troupe::down& d) { return d.ref == watched; });
    CHECK(down.reason == troupe::exit_reason::noconnection);
    CHECK_THAT((co_await self.receive<nodedown>()).reason, matchers::ContainsSubstring("silent"));
    ::kill(peer.os_process, SIGCONT);
    // The process there never ended: the same pid answers, on a new connection.
    CHECK(co_await self.call(echo, ask{1}, troupe::infinity) == 2);
    CHECK((co_await self.receive<nodeup>()).incarnation == peer.incarnation);
  });
}
