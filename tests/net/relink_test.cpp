// Links that are made while a connection is lost, by a process that has not yet read all that it
// brought: with threads, because such a process is held within a turn.
#include <atomic>
#include <functional>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::request;
using troupe::task;

namespace {

using reasons = std::vector<exit_reason>;
const exit_reason boom = exit_reason::error("std::runtime_error", "boom");

struct do_link {
  using reply = void;
};
struct do_unlink {
  using reply = void;
};
struct do_relink {};
struct list_told {
  using reply = reasons;
};

// A place in a turn of a process: nothing that comes meanwhile is read.
class gate {
 public:
  void pass() {
    reached_ = true;
    open_.wait(false);
  }
  void await_reached() const {
    REQUIRE(comes_true([this] { return reached_.load(); }));
  }
  void open() {
    open_ = true;
    open_.notify_all();
  }

 private:
  std::atomic<bool> reached_{false};
  std::atomic<bool> open_{false};
};

// Links and unlinks as it is told, and keeps what it is told of ends. At `do_relink` it first waits
// at the gate.
troupe::process partner(context self, std::reference_wrapper<gate> at) {
  self.trap_exits(true);
  pid other;
  reasons told;
  for (;;)
    co_await self.receive([&](request<name_yourself> r) { r.reply(self.id()); },
                          [&](pid p) { other = p; },
                          [&](request<do_link> r) {
                            self.link(other);
                            r.reply();
                          },
                          [&](request<do_unlink> r) {
                            self.unlink(other);
                            r.reply();
                          },
                          [&](do_relink) {
                            at.get().pass();
                            self.unlink(other);
                            self.link(other);
                          },
                          [&](troupe::exit_signal e) { told.push_back(e.reason); },
                          [&](request<list_told> r) { r.reply(told); },
                          [&](die d) { throw std::runtime_error(d.why); });
}

// One on each node, who know each other.
struct two_partners {
  two_partners() {
    nodes.b.system.spawn_with({.name = "echo"}, echo);
    const auto introduce = [](test_node& from, pid to, test_node& node) {
      from.system.run([&](context self) -> task<> {
        self.send(to, co_await pid_of(self, "partner", node.name()));
      });
    };
    introduce(nodes.a, on_a, nodes.b);
    introduce(nodes.b, on_b, nodes.a);
  }
  void lose_connection() {
    nodes.a.node->disconnect(nodes.b.name());
    for (const test_node* n : {&nodes.a, &nodes.b})
      REQUIRE(comes_true([n] { return n->node->nodes().empty(); }));
  }
  [[nodiscard]] reasons told_on_a() { return nodes.a.system.call(on_a, list_told{}); }
  [[nodiscard]] reasons told_on_b() { return nodes.b.system.call(on_b, list_told{}); }

  gate at;
  two_nodes nodes;
  pid on_a = nodes.a.system.spawn_with({.name = "partner"}, partner, std::ref(at));
  pid on_b = nodes.b.system.spawn_with({.name = "partner"}, partner, std::ref(at));
};

}  // namespace

TEST_CASE("a link made again while its connection is lost holds, and the one before tells nothing",
          "[threads]") {
  two_partners t;
  t.nodes.a.system.call(t.on_a, do_link{});
  t.nodes.a.system.send(t.on_a, do_relink{});
  t.at.await_reached();
  t.lose_connection();
  t.at.open();
  CHECK(t.told_on_a().empty());
  t.nodes.a.system.send(t.on_a, die{"boom"});
  CHECK(comes_true([&] { return t.told_on_b() == reasons{exit_reason::noconnection, boom}; }));
  t.nodes.b.system.exit(t.on_b, exit_reason::kill);
}

TEST_CASE("an unlink of a lost connection takes down no link that was made after that",
          "[threads]") {
  two_partners t;
  t.nodes.b.system.send(t.on_b, do_relink{});
  t.at.await_reached();
  t.nodes.a.system.call(t.on_a, do_link{});
  t.nodes.a.system.call(t.on_a, do_unlink{});
  // What was sent before has come, too, when this is answered.
  REQUIRE(t.nodes.a.system.call({"echo", t.nodes.b.name()}, ask{1}) == 2);
  t.lose_connection();
  t.at.open();
  CHECK(t.told_on_b().empty());
  t.nodes.b.system.send(t.on_b, die{"boom"});
  CHECK(comes_true([&] { return t.told_on_a() == reasons{boom}; }));
  t.nodes.a.system.exit(t.on_a, exit_reason::kill);
}
