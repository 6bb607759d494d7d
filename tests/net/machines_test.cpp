// Nodes on machines of their own, as network namespaces, and what happens to the cable between
// them: what only the kernel's own TCP shows.
#include "net/machines.hpp"

#include <atomic>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::task;

namespace {

struct crossing {
  int number;
  std::string content;
};

// Nodes a and b, a machine each. Who is told of the other's end notes why.
struct two_machines {
  explicit two_machines(troupe::net::node_options options = {.tick_time = 400ms},
                        const std::string& host_a = "10.7.0.1",
                        const std::string& host_b = "10.7.0.2", const std::string& width = "/24") {
    join_by_cable(here, host_a + width, there, host_b + width);
    const auto name = [](const std::string& app, const std::string& host) {
      return app + "@" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":0";
    };
    options.listen_insecure = true;
    const auto start = [&](machine& on, const std::string& as, std::unique_ptr<test_node>& node) {
      options.name = as;
      on.run([&] { node = std::make_unique<test_node>(options); });
    };
    start(here, name("a", host_a), a);
    start(there, name("b", host_b), b);
    b->system.spawn_with({.name = "echo"}, echo);
    b->system.spawn_with({.name = "taker"}, [this](context self) -> troupe::process {
      for (;;) {
        const auto got = co_await self.receive<crossing>();
        const std::lock_guard lock(mutex);
        numbers.push_back(got.number);
      }
    });
    watch(*a, seen_by_a);
    watch(*b, seen_by_b);
  }

  void watch(test_node& on, std::vector<std::string>& into) {
    on.system.run([&](context self) -> task<> {
      (void)self.spawn([&, parent = self.id()](context watcher) -> troupe::process {
        on.node->monitor_nodes(watcher);
        watcher.send(parent, number{});
        for (;;) {
          const auto down = co_await watcher.receive<troupe::net::nodedown>();
          const std::lock_guard lock(mutex);
          into.push_back(down.reason);
        }
      });
      (void)co_await self.receive<number>();  // the node may go from now on
    });
  }
  [[nodiscard]] std::vector<std::string> seen(const std::vector<std::string>& by) {
    const std::lock_guard lock(mutex);
    return by;
  }
  [[nodiscard]] bool both_see_the_end() {
    return comes_true([&] { return !seen(seen_by_a).empty() && !seen(seen_by_b).empty(); });
  }
  // Whatever was, a call gets its answer on some connection.
  [[nodiscard]] bool answers() {
    return comes_true([&] {
      try {
        return a->system.call({"echo", b->name()}, ask{1}, 5s) == 2;
      } catch (const troupe::call_error&) {
        return false;
      }
    });
  }
  void send(int number) {
    a->system.send({"taker", b->name()}, crossing{number, std::string(1000, 'x')});
  }

  std::mutex mutex;
  std::vector<std::string> seen_by_a;
  std::vector<std::string> seen_by_b;
  std::vector<int> numbers;
  machine here;
  machine there;
  std::unique_ptr<test_node> a;
  std::unique_ptr<test_node> b;
};

const std::string no_way_to_a = "blackhole 10.7.0.1/32";
const std::string no_way_to_b = "blackhole 10.7.0.2/32";

}  // namespace

TEST_CASE("a machine whose power is gone is taken for dead by its silence alone", "[threads]") {
  if (!can_make_machines()) return;
  two_machines t;
  REQUIRE(t.answers());
  t.there.shell("ip link set cable down");
  CHECK(comes_true([&] { return !t.seen(t.seen_by_a).empty(); }));
  CHECK_THAT(t.seen(t.seen_by_a).at(0), matchers::ContainsSubstring("silent"));
}

TEST_CASE("machines that a partition parts both see it, and meet again when it heals",
          "[threads]") {
  if (!can_make_machines()) return;
  two_machines t;
  REQUIRE(t.answers());
  for (int i = 0; i < 100; ++i) t.send(i);
  REQUIRE(t.answers());
  t.here.shell("ip route add " + no_way_to_b);
  t.there.shell("ip route add " + no_way_to_a);
  for (int i = 100; i < 200; ++i) t.send(i);  // never arrive, or in order
  CHECK(t.both_see_the_end());
  CHECK_THAT(t.seen(t.seen_by_a).at(0), matchers::ContainsSubstring("silent"));
  t.here.shell("ip route del " + no_way_to_b);
  t.there.shell("ip route del " + no_way_to_a);
  REQUIRE(t.answers());
  t.send(1000);
  REQUIRE(comes_true([&] {
    const std::lock_guard lock(t.mutex);
    return !t.numbers.empty() && t.numbers.back() == 1000;
  }));
  const std::lock_guard lock(t.mutex);
  CHECK(std::is_sorted(t.numbers.begin(), t.numbers.end()));
  CHECK(std::adjacent_find(t.numbers.begin(), t.numbers.end()) == t.numbers.end());
}

TEST_CASE("machines of which only one hears the other both see it", "[threads]") {
  if (!can_make_machines()) return;
  two_machines t;
  REQUIRE(t.answers());
  t.here.shell("ip route add " + no_way_to_b);
  CHECK(t.both_see_the_end());
}

TEST_CASE("an interface that is taken away and comes back is the way to its node again",
          "[threads]") {
  if (!can_make_machines()) return;
  two_machines t;
  REQUIRE(t.answers());
  t.here.shell("ip link del cable");
  CHECK(t.both_see_the_end());
  join_by_cable(t.here, "10.7.0.1/24", t.there, "10.7.0.2/24");
  CHECK(t.answers());
}

TEST_CASE("machines with IPv6 alone are nodes as others are", "[threads]") {
  if (!can_make_machines()) return;
  two_machines t({}, "fd00::1", "fd00::2", "/64");
  CHECK(t.answers());
  CHECK(t.a->node->nodes() == std::vector{t.b->name()});
}

TEST_CASE("over a thin cable nobody is taken for dead while a long message crosses", "[threads]") {
  if (!can_make_machines()) return;
  two_machines t({.tick_time = 2s});
  REQUIRE(t.answers());
  // Its queue takes a third of a second: with a long one, what the kernels acknowledge waits behind
  // the message, and the ticks of who takes it do not go out.
  for (machine* one : {&t.here, &t.there})
    one->shell("tc qdisc add dev cable root tbf rate 500kbit burst 3000 limit 20000");
  t.a->system.send({"taker", t.b->name()}, crossing{1, std::string(250'000, 'x')});
  t.send(2);
  REQUIRE(comes_true([&] {
    const std::lock_guard lock(t.mutex);
    return t.numbers == std::vector{1, 2};
  }));
  CHECK(t.seen(t.seen_by_a) == std::vector<std::string>{});
  CHECK(t.seen(t.seen_by_b) == std::vector<std::string>{});
}

TEST_CASE("a name server that does not answer is the end of that dial alone", "[threads]") {
  if (!can_make_machines()) return;
  two_machines t;
  t.here.shell(
      "f=$(mktemp) && printf 'nameserver 10.7.0.99\\noptions timeout:1 attempts:1\\n' >$f && "
      "mount --bind $f /etc/resolv.conf && rm $f");
  std::unique_ptr<test_node> lost;
  t.here.run([&] {
    lost = std::make_unique<test_node>(troupe::net::node_options{
        .name = "lost@10.7.0.1:0", .listen_insecure = true, .setup_time = 300ms});
  });
  CHECK_THROWS_WITH(lost->node->connect("nobody@no-such-host.test:7400"),
                    matchers::ContainsSubstring("no-such-host.test") &&
                        matchers::ContainsSubstring("no answer within the time"));
  CHECK(comes_true([&] {
    try {
      lost->node->connect(t.b->name());
      return true;
    } catch (const troupe::net::node_error&) {
      return false;  // the machine is busy
    }
  }));
}
