// Three nodes in the simulation: partitions, pauses and crashes, and no ticket is given twice.

#include <troupe/net/sim.hpp>
#include <troupe/net/singleton.hpp>

#include <set>
#include <utility>

#include "sim/seeds.hpp"
#include "support/catch.hpp"
#include "ticket.hpp"

using namespace std::chrono_literals;
using troupe::context;
using troupe::process;

TEST_CASE("no ticket is given twice whatever happens to the nodes, and in the end some are") {
  const auto done = troupe::sim::explore({.seeds = 100}, [](troupe::sim::world& w) {
    // What outlives the nodes: who took which ticket, and the tokens of the directory.
    const auto given = std::make_shared<std::set<std::pair<std::uint64_t, std::uint64_t>>>();
    const auto tokens = std::make_shared<std::uint64_t>(1);
    const auto take_tokens = [tokens](context) { return std::exchange(*tokens, *tokens + 1'000); };
    auto& home = w.add_node("home", [take_tokens](auto& n) {
      n.system().supervise(
          troupe::one_for_one{},
          {troupe::net::directory_child("directory", {.max_ttl = 5s, .tokens = take_tokens})});
    });
    const troupe::net::directory names({"directory", home.name()}, {.ttl = 5s});
    for (const char* label : {"a", "b", "c"})
      w.add_node(label, [names](auto& n) {
        n.system().supervise(troupe::one_for_one{.intensity = 1'000},
                             {troupe::net::singleton(
                                 names, leader::office_name,
                                 troupe::child<leader::ticket_office>("office", names, n.name()))});
      });
    std::size_t late = 0;
    w.add_node("client").spawn([&w, &late, given, names](context self) -> process {
      for (;; co_await self.sleep(200ms)) {
        try {
          const auto got = co_await names.call(self, leader::office_name, leader::take{}, 2s);
          if (!given->emplace(got.term, got.number).second) w.fail("a ticket was given twice");
          w.reached("a ticket was given");
          ++late;
        } catch (const troupe::call_error&) {
          w.reached("nobody gave a ticket");
        }
      }
    });
    w.chaos({.partition = 10s,
             .pause = 15s,
             .crash = 20s,
             .longest = 15s,
             .may_crash = {"a", "b", "c", "home"}});
    w.run_for(1min);
    late = 0;
    w.eventually("tickets are given again", 60s, [&] { return late > 3; });
    w.heal();
  });
  troupe_test::expect_reached(done, {"a ticket was given", "nobody gave a ticket"});
}
