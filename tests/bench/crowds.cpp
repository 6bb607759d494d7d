#include <cmath>
#include <vector>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::pid;
using troupe::task;

struct done {
  std::int64_t number;
};

// --- ring ----------------------------------------------------------------------------------------

struct next_is {
  pid member;
};
struct token {
  std::int64_t hops_left;
};

troupe::process ring_member(context self, std::int64_t number, pid parent) {
  const pid next = (co_await self.receive<next_is>()).member;
  for (;;) {
    const auto held = co_await self.receive<token>();
    if (held.hops_left == 0)
      self.send(parent, done{number});
    else
      self.send(next, token{held.hops_left - 1});
  }
}

task<> run_ring(context self, std::int64_t members, std::int64_t tokens, std::int64_t hops) {
  std::vector<pid> all;
  all.reserve(static_cast<std::size_t>(members));
  for (std::int64_t i = 0; i < members; ++i) all.push_back(self.spawn(ring_member, i, self.id()));
  for (std::size_t i = 0; i < all.size(); ++i)
    self.send(all[i], next_is{all[(i + 1) % all.size()]});
  std::int64_t ends = 0;  // the members at which tokens end, added up
  for (std::int64_t i = 0; i < tokens; ++i) {
    const std::int64_t first = i * (members / tokens);
    self.send(all[static_cast<std::size_t>(first)], token{hops});
    ends += (first + hops) % members;
  }
  for (std::int64_t i = 0; i < tokens; ++i) ends -= (co_await self.receive<done>()).number;
  expect_equal("how far from their places tokens ended", ends, 0);
}

// --- chameneos -----------------------------------------------------------------------------------

enum class colour : std::uint8_t { blue, red, yellow };

struct meet {
  pid who;
  colour skin;
};
struct met {
  colour other;
};
struct closed {};

// Of two colours the third, of one that one.
colour complement(colour a, colour b) {
  return a == b ? a : static_cast<colour>(3 - static_cast<int>(a) - static_cast<int>(b));
}

troupe::process creature(context self, pid mall, colour skin, pid parent) {
  std::int64_t meetings = 0;
  for (bool open = true; open;) {
    self.send(mall, meet{self, skin});
    co_await self.receive(
        [&](met m) {
          skin = complement(skin, m.other);
          ++meetings;
        },
        [&](closed) { open = false; });
  }
  self.send(parent, done{meetings});
}

troupe::process mall(context self, std::int64_t meetings) {
  for (std::int64_t i = 0; i < meetings; ++i) {
    const auto first = co_await self.receive<meet>();
    const auto second = co_await self.receive<meet>();
    self.send(first.who, met{second.skin});
    self.send(second.who, met{first.skin});
  }
  for (;;) self.send((co_await self.receive<meet>()).who, closed{});
}

// --- big -----------------------------------------------------------------------------------------

struct ping {
  pid from;
};
struct pong {};
struct everybody {
  std::shared_ptr<const std::vector<pid>> all;
};

troupe::process pings_all(context self, pid parent) {
  std::int64_t answered = 0;
  std::int64_t wanted = 1;  // until it is known
  while (answered < wanted)
    co_await self.receive(
        [&](const everybody& them) {
          wanted = std::ssize(*them.all);
          for (const pid p : *them.all) self.send(p, ping{self});
        },
        [&](ping m) { self.send(m.from, pong{}); }, [&](pong) { ++answered; });
  self.send(parent, done{answered});
  for (;;) self.send((co_await self.receive<ping>()).from, pong{});
}

}  // namespace

void ring(run& bench) {
  constexpr std::int64_t tokens = 4;
  const std::int64_t hops = bench.times(5'000'000 / tokens);
  troupe::system system(bench.options());
  bench.report(ns_each(tokens * hops,
                       [&] {
                         system.run([&](context self) -> task<> {
                           co_await run_ring(self, 1'000, tokens, hops);
                         });
                       }),
               "ns/hop");
}

void chameneos(run& bench) {
  constexpr int creatures = 100;
  const std::int64_t meetings = bench.times(1'000'000);
  troupe::system system(bench.options());
  bench.report(ns_each(meetings,
                       [&] {
                         system.run([&](context self) -> task<> {
                           const pid place = self.spawn(mall, meetings);
                           for (int i = 0; i < creatures; ++i)
                             self.spawn(creature, place, static_cast<colour>(i % 3), self.id());
                           std::int64_t sum = 0;
                           for (int i = 0; i < creatures; ++i)
                             sum += (co_await self.receive<done>()).number;
                           expect_equal("meetings, counted by both", sum, 2 * meetings);
                         });
                       }),
               "ns/meeting");
}

void big(run& bench) {
  const auto processes =
      static_cast<std::int64_t>(std::sqrt(static_cast<double>(bench.times(1'000'000))));
  troupe::system system(bench.options());
  bench.report(ns_each(2 * processes * processes,
                       [&] {
                         system.run([&](context self) -> task<> {
                           std::vector<pid> made(static_cast<std::size_t>(processes));
                           for (pid& p : made) p = self.spawn(pings_all, self.id());
                           const auto all = std::make_shared<const std::vector<pid>>(made);
                           for (const pid p : made) self.send(p, everybody{all});
                           std::int64_t answered = 0;
                           for (std::int64_t i = 0; i < processes; ++i)
                             answered += (co_await self.receive<done>()).number;
                           expect_equal("answered pings", answered, processes * processes);
                         });
                       }),
               "ns/message");
}

}  // namespace bench
