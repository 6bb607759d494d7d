#include <troupe/net/discovery.hpp>
#include <troupe/net/sim.hpp>

#include <algorithm>
#include <memory>

#include "sim/seeds.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using namespace std::chrono_literals;
using troupe::context;
using troupe::task;
using troupe::sim::world;

namespace {

using names = std::vector<std::string>;

struct listing {
  names all;
  bool breaks = true;  // now and then
};

task<names> look(context self, world* w, std::shared_ptr<const listing> from) {
  if (from->breaks && self.random() % 4 == 0) {
    w->reached("a source failed");
    throw std::runtime_error("no list today");
  }
  names listed = from->all;
  if (from->breaks) listed.resize(self.random() % (listed.size() + 1));
  co_return listed;
}

bool all_connected(const world& w) {
  return std::ranges::all_of(w.nodes(), [&](const auto& n) {
    return n->up() && n->net().nodes().size() == w.nodes().size() - 1;
  });
}

}  // namespace

TEST_CASE("nodes that are listed are all connected in the end whatever went wrong") {
  const auto done = troupe::sim::explore({.seeds = seeds_wanted(100)}, [](world& w) {
    const auto listed = std::make_shared<listing>();
    const auto source = [&w, listed](context self) { return look(self, &w, listed); };
    for (const char* label : {"a", "b", "c", "d"}) {
      const auto& made = w.add_node(label, [source](auto& n) {
        n.system().supervise(troupe::one_for_one{},
                             {troupe::net::discovery("discovery", n.net(), source)});
      });
      listed->all.push_back(made.name());
    }
    w.eventually("each node is connected with each", 60s, [&] { return all_connected(w); });
    w.chaos({.partition = 10s, .one_way = 20s, .cut = 5s, .pause = 20s, .crash = 20s});
    w.run_for(1min);
    listed->breaks = false;
    w.heal();
    w.run_for(1min);
    if (!all_connected(w)) w.fail("nodes have lost each other though nothing went wrong");
  });
  print(done);
  expect_reached(done, {"a source failed"});
}
