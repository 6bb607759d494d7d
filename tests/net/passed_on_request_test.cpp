// A request that its receiver passes on to another node: the answer finds the caller, or the reason
// why there is none does.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::destination;
using troupe::exit_reason;
using troupe::message;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

struct identified {
  pid process;
  int number = 0;
};
struct identify {
  using reply = identified;
  int number = 0;
};
struct go_wrong {
  using reply = int;
};
struct keep_it {
  using reply = int;
};

// Passes on what it is asked, some of it without a look at what it is.
process front(context self, destination to) {
  for (;;)
    co_await self.receive([&](request<identify> r) { self.send(to, std::move(r)); },
                          [&](message m) { self.send(to, std::move(m)); });
}

process back(context self) {
  std::vector<request<keep_it>> kept;
  for (;;)
    co_await self.receive(
        [&](request<identify> r) {
          const int number = r->number;
          r.reply(identified{self.id(), number});
        },
        [&](request<go_wrong>) { throw std::runtime_error("it has gone wrong"); },
        [&](request<keep_it> r) { kept.push_back(std::move(r)); });
}

// A caller's node, one that passes on, and one that answers.
struct three_nodes {
  three_nodes() { answering = c->system.spawn_with({.name = "back"}, back); }
  destination passes_on_to(const destination& to) {
    b.leaves_peers = true;
    b.system.spawn_with({.name = "front"}, front, to);
    return {"front", b.name()};
  }
  // Of a call without a time limit, which has none but a reason for its end.
  template <class Request>
  exit_reason reason_of_call(const destination& to) {
    exit_reason reason;
    a.system.run([&](context self) -> task<> {
      auto answer = co_await self.try_call(to, Request{}, troupe::infinity);
      REQUIRE_FALSE(answer);
      reason = answer.reason();
    });
    return reason;
  }

  test_node a{{}, "a"};
  test_node b{{.quota = {.calls = 100}}, "b"};
  std::unique_ptr<test_node> c = std::make_unique<test_node>(troupe::net::node_options{}, "c");
  pid answering;
};

}  // namespace

TEST_CASE("the answer to a request that was passed on to a third node finds its caller") {
  three_nodes nodes;
  const destination to = nodes.passes_on_to({"back", nodes.c->name()});
  nodes.a.system.run([&](context self) -> task<> {
    const destination at_once{"back", nodes.c->name()};
    const identified direct = co_await self.call(at_once, identify{0}, troupe::infinity);
    for (int i = 1; i <= 200; ++i) {  // more than may be unanswered at a time
      const identified answer = co_await self.call(to, identify{i}, troupe::infinity);
      CHECK(answer.number == i);
      CHECK(answer.process == direct.process);
    }
  });
}

TEST_CASE("each of many callers whose requests are passed on gets its own answer") {
  three_nodes nodes;
  const destination to = nodes.passes_on_to({"back", nodes.c->name()});
  std::atomic<int> right{0};
  for (int caller = 0; caller < 20; ++caller)
    nodes.a.system.spawn([&right, to, caller](context self) -> process {
      for (int i = 0; i < 50; ++i) {
        const int number = 1000 * caller + i;
        const identified answer = co_await self.call(to, identify{number}, troupe::infinity);
        right += answer.number == number ? 1 : 0;
      }
    });
  CHECK(comes_true([&] { return right == 1000; }));
}

TEST_CASE("a request that is passed on to the caller's own node is answered") {
  three_nodes nodes;
  nodes.a.leaves_peers = true;
  const pid here = nodes.a.system.spawn_with({.name = "back"}, back);
  const destination to = nodes.passes_on_to({"back", nodes.a.name()});
  nodes.a.system.run([&](context self) -> task<> {
    const identified answer = co_await self.call(to, identify{7}, troupe::infinity);
    CHECK(answer.process == here);
    CHECK(answer.number == 7);
  });
}

TEST_CASE("a request that is passed on to nobody, or to one who fails, ends with the reason") {
  three_nodes nodes;
  const destination nobody = nodes.passes_on_to({"nobody", nodes.c->name()});
  CHECK(nodes.reason_of_call<identify>(nobody) == exit_reason::noproc);
  test_node second{{}, "second"};
  second.leaves_peers = true;
  second.system.spawn_with({.name = "front"}, front, destination("back", nodes.c->name()));
  const auto reason = nodes.reason_of_call<go_wrong>({"front", second.name()});
  CHECK(reason.text() == "it has gone wrong");
}

TEST_CASE("a caller whose request was passed on is told when the third node is lost") {
  three_nodes nodes;
  const destination to = nodes.passes_on_to({"back", nodes.c->name()});
  std::atomic<bool> told{false};
  nodes.a.system.spawn([&, to](context self) -> process {
    auto answer = co_await self.try_call(to, keep_it{}, troupe::infinity);
    told = !answer && answer.reason() == exit_reason::noconnection;
  });
  REQUIRE(comes_true([&] { return nodes.c->node->nodes() == std::vector{nodes.b.name()}; }));
  nodes.c->leaves_peers = true;
  nodes.c.reset();
  CHECK(comes_true([&] { return told.load(); }));
}

TEST_CASE("a request that is passed on keeps what is left of its caller's time") {
  three_nodes nodes;
  const destination to = nodes.passes_on_to({"asked", nodes.c->name()});
  std::atomic<int> in_time{-1};
  nodes.c->leaves_peers = true;
  nodes.c->system.spawn_with({.name = "asked"}, [&](context self) -> process {
    co_await self.receive([&](request<keep_it> r) {
      const auto left = r.deadline() - self.now();
      in_time = left > 0s && left <= 1h ? 1 : 0;
      r.reply(1);
    });
  });
  CHECK(nodes.a.system.call(to, keep_it{}, 1h) == 1);
  CHECK(in_time == 1);
}
