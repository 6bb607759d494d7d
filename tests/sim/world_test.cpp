#include <troupe/net/sim.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::sim::world;

namespace {

struct add {
  int by;
};
struct get {
  using reply = int;
};

process counter(context self, int value) {
  for (;;)
    co_await self.receive([&](add m) { value += m.by; },
                          [&](troupe::request<get> r) { r.reply(value); });
}

}  // namespace

TEST_CASE("two simulated nodes find each other and answer calls") {
  world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node("b");
  const pid c = b.system().spawn_with({.name = "counter"}, counter, 1);
  (void)c;
  a.system().send({"counter", b.name()}, add{2});
  CHECK(a.system().call({"counter", b.name()}, get{}) == 3);
  CHECK(a.net().nodes() == std::vector{b.name()});
  w.finish();
}

TEST_CASE("a partition is seen after the tick time and monitors fire once") {
  world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node("b");
  const pid c = b.system().spawn_with({.name = "counter"}, counter, 1);
  (void)c;
  auto p = w.add_probe(a);
  a.spawn([name = b.name(), to = p.id()](context self) -> process {
    (void)self.monitor({"counter", name});
    self.send(to, co_await self.receive<troupe::down>());
  });
  w.run_for(1s);
  const auto start = w.now();
  w.partition(a, b);
  CHECK(p.expect<troupe::down>(10s).reason == exit_reason::noconnection);
  CHECK(w.now() - start >= 3s);
  CHECK(w.now() - start <= 6s);
  w.heal();
  CHECK(a.system().call({"counter", b.name()}, get{}) == 1);
  w.finish();
}

TEST_CASE("a node that is killed and started again is another incarnation") {
  world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node(
      "b", [](auto& node) { node.system().spawn_with({.name = "counter"}, counter, 5); });
  CHECK(a.system().call({"counter", b.name()}, get{}) == 5);
  const auto first = b.net().incarnation();
  w.crash(b);
  CHECK_FALSE(b.up());
  CHECK_THROWS_AS(b.system(), std::logic_error);
  CHECK_THROWS_AS(a.system().call({"counter", b.name()}, get{}), troupe::call_error);
  w.restart(b);
  CHECK(b.net().incarnation() != first);
  CHECK(w.run_until(
      [&] {
        try {
          return a.system().call({"counter", b.name()}, get{}) == 5;
        } catch (const troupe::call_error&) {
          return false;
        }
      },
      1min));
  w.finish();
}

TEST_CASE("an hour of a cluster where nothing happens passes at once") {
  world w;
  for (const char* label : {"a", "b", "c"}) w.add_node(label);
  for (auto& n : w.nodes())
    for (auto& m : w.nodes())
      if (n != m) n->net().connect(m->name());
  w.run_for(1h);
  for (auto& n : w.nodes()) CHECK(n->net().nodes().size() == 2);
  w.finish();
}
