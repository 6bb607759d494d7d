// Two real nodes and what real networks do to the bytes between them: each fault gives what the
// documents promise, and nothing hangs.
#include "net/chaos_proxy.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "net/cluster_support.hpp"
#include "net/detour.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::task;
using troupe::net::node_options;
using way = chaos_proxy::way;

namespace {

struct parcel {
  int number;
  std::string content;
};

// Node b, and node a which reaches it by the proxy. Whoever is told of the other's end notes it.
struct two_nodes_apart {
  explicit two_nodes_apart(node_options options = {.tick_time = 400ms})
      : b(options, "b"),
        proxy(port_of(b.name())),
        log(std::make_shared<kept_log>()),
        system({.workers = 2, .log = log}),
        through(*troupe::net::transport_of(system)) {
    through.lead(port_of(b.name()), proxy.port());
    options.name = "a@127.0.0.1:0";
    options.cookie = test_cookie;
    options.carrier = &through;
    a = std::make_unique<troupe::net::node>(system, options);
    b.system.spawn_with({.name = "echo"}, echo);
    b.system.spawn_with({.name = "collector"}, [this](context self) -> troupe::process {
      for (;;) {
        const auto got = co_await self.receive<parcel>();
        const std::lock_guard lock(mutex);
        numbers.push_back(got.number);
      }
    });
    watch(system, *a, seen_by_a);
    watch(b.system, *b.node, seen_by_b);
  }
  static void watch(troupe::system& in, troupe::net::node& node, std::atomic<int>& downs) {
    in.run([&](context self) -> task<> {
      (void)self.spawn([&](context watcher) -> troupe::process {
        node.monitor_nodes(watcher);
        for (;;) {
          (void)co_await watcher.receive<troupe::net::nodedown>();
          ++downs;
        }
      });
      co_return;
    });
  }
  [[nodiscard]] bool both_see_the_end() {
    return comes_true([&] { return seen_by_a > 0 && seen_by_b > 0; });
  }
  [[nodiscard]] std::vector<int> collected() {
    const std::lock_guard lock(mutex);
    return numbers;
  }
  [[nodiscard]] bool has_collected(int number) {
    return comes_true([&] {
      const auto all = collected();
      return std::find(all.begin(), all.end(), number) != all.end();
    });
  }
  void send(int number, std::size_t size = 0) {
    system.send({"collector", b.name()}, parcel{number, std::string(size, 'x')});
  }
  // What is sent from now on waits at a: there is more on the way than the kernel keeps.
  void stop_up() {
    proxy.stall(way::to_target, true);
    const std::jthread outside([this] {  // which is not held, as a process would be
      for (int i = 0; i < 1000; ++i) send(i, 30'000);
    });
  }
  // The connection is lost; the next one is a good one.
  void clear() {
    proxy.reset();
    proxy.stall(way::to_target, false);
  }
  // Whatever was, a call gets its answer on some connection.
  [[nodiscard]] bool answers() {
    return comes_true([&] {
      try {
        return system.call({"echo", b.name()}, ask{1}, 5s) == 2;
      } catch (const troupe::call_error&) {
        return false;
      }
    });
  }

  std::atomic<int> seen_by_a{0};
  std::atomic<int> seen_by_b{0};
  std::mutex mutex;
  std::vector<int> numbers;
  test_node b;
  chaos_proxy proxy;
  std::shared_ptr<kept_log> log;
  troupe::system system;
  detour through;
  std::unique_ptr<troupe::net::node> a;
};

constexpr std::chrono::nanoseconds patient = 60s;

}  // namespace

TEST_CASE("over a slow and thin way all arrives in order and nobody is taken for dead") {
  two_nodes_apart t({.tick_time = 20s});
  t.proxy.delay(2ms, 1000);
  t.proxy.limit(1'000'000);
  for (int i = 0; i < 50; ++i) t.send(i, i % 10 == 0 ? 70'000 : 10);
  CHECK(t.system.call({"echo", t.b.name()}, ask{1}, patient) == 2);
  REQUIRE(t.has_collected(49));
  CHECK(t.collected().size() == 50);
  CHECK(std::ranges::is_sorted(t.collected()));
  CHECK(t.seen_by_a == 0);
}

TEST_CASE("a link that still waits to go out when its connection is lost is lost with it") {
  two_nodes_apart t({.tick_time = 20s});
  t.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const troupe::pid there = co_await pid_of(self, "echo", t.b.name());
    t.stop_up();
    self.link(there);
    t.clear();
    const auto told = co_await self.receive_within<troupe::exit_signal>(patient);
    REQUIRE(told);
    CHECK(told->reason == troupe::exit_reason::noconnection);
    CHECK(co_await self.call(there, ask{1}) == 2);
    CHECK(t.b.system.counts().links == 0);
  });
}

TEST_CASE("an unlink that still waits when its connection is lost takes down no link of the next") {
  two_nodes_apart t({.tick_time = 20s});
  t.b.system.spawn_with({.name = "friend"}, [](context self) -> troupe::process {
    self.trap_exits(true);
    troupe::pid other;
    for (;;)
      co_await self.receive([&](troupe::request<name_yourself> r) { r.reply(self.id()); },
                            [&](troupe::pid p) { self.link(other = p); },
                            [&](const troupe::exit_signal&) { self.link(other); },
                            [](die d) { throw std::runtime_error(d.why); });
  });
  t.system.run([&](context self) -> task<> {
    self.trap_exits(true);
    const troupe::pid there = co_await pid_of(self, "friend", t.b.name());
    self.send(there, self.id());
    (void)co_await self.call(there, name_yourself{});  // it has linked
    t.stop_up();
    self.unlink(there);
    self.link(there);
    t.clear();
    const auto lost = co_await self.receive_within<troupe::exit_signal>(patient);
    REQUIRE(lost);
    CHECK(lost->reason == troupe::exit_reason::noconnection);
    // All that was sent before has arrived, and it has linked again.
    CHECK(co_await self.call({"echo", t.b.name()}, ask{1}, patient) == 2);
    (void)co_await self.call(there, name_yourself{});
    self.send(there, die{"boom"});
    const auto end = co_await self.receive_within<troupe::exit_signal>(patient);
    REQUIRE(end);
    CHECK(end->reason == troupe::exit_reason::error("std::runtime_error", "boom"));
  });
}

TEST_CASE("bytes that come one by one make the same messages") {
  two_nodes_apart t({.tick_time = 20s});
  t.proxy.delay(0ns, 1);
  for (int i = 0; i < 20; ++i) t.send(i, 100);
  REQUIRE(t.has_collected(19));
  CHECK(t.collected().size() == 20);
  CHECK(std::ranges::is_sorted(t.collected()));
}

TEST_CASE("a connection that is cut at any byte ends its calls and the next one works") {
  two_nodes_apart t;
  for (const std::size_t at :
       {0U, 1U, 3U, 50U, 81U, 82U, 119U, 120U, 125U, 130U, 200U, 1000U, 100'000U}) {
    INFO("cut at byte " << at);
    t.a->disconnect(t.b.name());
    t.proxy.cut_next(way::to_target, at);
    t.system.run([&](context self) -> task<> {
      for (int i = 0; i < 3; ++i) {
        self.send({"collector", t.b.name()}, parcel{0, std::string(70'000, 'x')});
        const auto answer = co_await self.try_call({"echo", t.b.name()}, ask{1}, patient);
        if (!answer) CHECK(answer.reason() == troupe::exit_reason::noconnection);
      }
    });
    CHECK(t.answers());
  }
}

TEST_CASE("a connection that is reset is down at once on both sides") {
  two_nodes_apart t({.tick_time = 1h});
  REQUIRE(t.answers());
  t.system.run([&](context self) -> task<> {
    const auto ref = self.monitor({"echo", t.b.name()});
    (void)co_await self.call({"echo", t.b.name()}, ask{1}, patient);
    co_await self.blocking([&] { t.proxy.reset(); });
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == troupe::exit_reason::noconnection);
  });
  CHECK(t.both_see_the_end());
  CHECK(t.answers());
}

TEST_CASE("a way that passes nothing in one direction is taken for dead by both sides") {
  for (const way which : {way::to_target, way::to_dialler}) {
    two_nodes_apart t;
    REQUIRE(t.answers());
    t.proxy.stall(which, true);
    CHECK(t.both_see_the_end());
    CHECK((which == way::to_target ? *t.b.log : *t.log).has("silent"));
    t.proxy.stall(which, false);
    CHECK(t.answers());
  }
}

TEST_CASE("a changed length of a frame closes the connection for breaking the protocol") {
  two_nodes_apart t({.tick_time = 1h});
  REQUIRE(t.answers());
  t.proxy.flip_now(way::to_target);
  t.send(1);
  CHECK(t.both_see_the_end());
  CHECK(t.b.log->has("broke the protocol"));
  CHECK(t.answers());
  CHECK(t.collected().empty());
}

TEST_CASE("a byte that is changed in the handshake refuses it and the next one is accepted") {
  two_nodes_apart t({.setup_time = 300ms});
  for (std::size_t at = 0; at < 120; at += 7) {
    INFO("byte " << at);
    for (const way which : {way::to_target, way::to_dialler}) {
      t.a->disconnect(t.b.name());
      t.proxy.flip_next(which, at);
      CHECK(t.answers());
    }
  }
}

TEST_CASE("what an old connection held is not delivered after what came on a newer one") {
  two_nodes_apart t;
  t.send(0);
  REQUIRE(t.has_collected(0));
  t.proxy.hold();
  for (int i = 1; i <= 10; ++i) t.send(i);
  REQUIRE(comes_true([&] { return t.seen_by_a > 0; }));
  REQUIRE(t.answers());
  t.send(11);
  REQUIRE(t.has_collected(11));
  t.proxy.release();
  REQUIRE(t.answers());
  t.send(12);
  REQUIRE(t.has_collected(12));
  CHECK(t.collected() == std::vector{0, 11, 12});
}

TEST_CASE("a handshake that was held and given up is not accepted when it comes through") {
  two_nodes_apart t({.tick_time = 1h, .setup_time = 300ms});
  t.proxy.stall(way::to_dialler, true);
  t.send(1);
  REQUIRE(comes_true([&] { return t.proxy.connections() > 0; }));
  t.proxy.hold();
  t.proxy.stall(way::to_dialler, false);
  REQUIRE(t.answers());
  const auto incarnations = t.seen_by_b.load();
  t.proxy.release();
  REQUIRE(t.answers());
  CHECK(t.a->nodes() == std::vector{t.b.name()});
  CHECK(t.seen_by_b == incarnations);
}
