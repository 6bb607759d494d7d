// What a long message, a slow receiver and too much of everything do to others: nothing much.
#include <troupe/net/sim.hpp>

#include "sim/seeds.hpp"
#include "support/catch.hpp"

#include <map>

using namespace std::chrono_literals;
using troupe::context;
using troupe::pid;
using troupe::process;
using troupe::net::node_options;
using troupe::sim::sim_node;
using troupe::sim::world;

namespace {

struct parcel {
  std::uint64_t number;
  std::string content;
};
struct ask_for_double {
  using reply = int;
  int value;
};

constexpr std::size_t parcel_bytes = 1000;

// Sends as fast as it may.
process feeder(context self, troupe::destination to, std::uint64_t* sent) {
  for (;;) {
    self.send(to, parcel{++*sent, std::string(parcel_bytes, 'x')});
    co_await self.yield();
  }
}

process taker(context self, std::chrono::nanoseconds pace, std::uint64_t* taken) {
  for (;;) {
    const auto got = co_await self.receive<parcel>();
    *taken = got.number;
    if (pace > 0ns) co_await self.sleep(pace);
  }
}

// Two nodes, and on b takers by name that feeders on a may send to.
struct stream {
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
};
struct pair_with_takers {
  explicit pair_with_takers(node_options options = {}, std::uint64_t seed = 1)
      : w({.seed = seed, .network = {.bytes_per_second = 10'000'000}}),
        a(w.add_node("a", {}, options)),
        b(w.add_node("b", {}, options)) {
    a.net().connect(b.name());
  }
  stream& add(const std::string& name, std::chrono::nanoseconds pace,
              troupe::mailbox_limits mailbox = {}) {
    stream& s = streams[name];
    b.system().spawn_with({.name = name, .mailbox = mailbox}, taker, pace, &s.taken);
    a.spawn(feeder, troupe::destination(name, b.name()), &s.sent);
    return s;
  }

  // A process that reads nothing, and one that has sent it all that it may.
  void fill_a_stuck_one(std::uint64_t& sent) {
    b.system().spawn_with({.name = "stuck"},
                          [](context self) -> process { co_await self.sleep(1h); });
    a.spawn(feeder, troupe::destination("stuck", b.name()), &sent);
    w.run_for(10s);
  }

  std::map<std::string, stream> streams;
  world w;
  sim_node& a;
  sim_node& b;
};

constexpr std::size_t little = 1 << 20;

}  // namespace

TEST_CASE("a long message holds up neither what others send nor the order of its own sender") {
  world w({.seed = 5, .network = {.bytes_per_second = 200'000}});
  sim_node& a = w.add_node("a");
  sim_node& b = w.add_node("b");
  a.net().connect(b.name());
  std::vector<std::uint64_t> came;
  b.spawn([&](context self) -> process {
    self.register_as("one");
    self.register_as("another");
    for (;;) came.push_back((co_await self.receive<parcel>()).number);
  });
  const troupe::destination one("one", b.name());
  const troupe::destination another("another", b.name());
  a.spawn([&](context self) -> process {
    self.send(one, parcel{1, std::string(10'000'000, 'x')});
    self.send(one, parcel{2, {}});
    self.send(another, parcel{3, std::string(100'000, 'x')});
    co_return;
  });
  a.spawn([&](context self) -> process {
    co_await self.sleep(500ms);
    self.send(one, parcel{4, {}});
    self.send(another, parcel{5, std::string(1'000'000, 'x')});
    self.send(another, parcel{6, {}});
  });
  REQUIRE(w.run_until([&] { return came.size() == 6; }, 5min));
  CHECK(came == std::vector<std::uint64_t>{4, 5, 6, 1, 2, 3});
  w.finish();
}

TEST_CASE("what a process sends to one pid passes its long message to another") {
  world w({.seed = 5, .network = {.bytes_per_second = 200'000}});
  sim_node& a = w.add_node("a");
  sim_node& b = w.add_node("b");
  auto slow = w.add_probe(b);
  auto quick = w.add_probe(b);
  struct both {
    pid slow;
    pid quick;
  };
  a.spawn([&](context self) -> process {
    self.register_as("a");
    const auto to = co_await self.receive<both>();
    self.send(to.slow, parcel{1, std::string(10'000'000, 'x')});
    self.send(to.quick, parcel{2, {}});
  });
  w.run_for(1s);
  b.spawn([&](context self) -> process {
    self.send({"a", a.name()}, both{slow.id(), quick.id()});
    co_return;
  });
  CHECK(quick.expect<parcel>(2s).number == 2);
  CHECK(slow.count<parcel>() == 0);
  CHECK(slow.expect<parcel>(5min).number == 1);
  w.finish();
}

TEST_CASE("who sends to a slow process of another node waits and its memory stays within bounds") {
  pair_with_takers p({.busy_bytes = little, .unread_bytes = little});
  const stream& slow = p.add("slow", 10ms);
  // What lies unread, what waits at the sender, and what is on its way.
  constexpr std::uint64_t most = (little + little + little / 2) / parcel_bytes;
  p.w.always("a slow process has little unread", [&] { return slow.sent - slow.taken <= most; });
  p.w.run_for(1min);
  CHECK(slow.taken > 5'900);  // it always has something to take
  p.w.finish();
}

TEST_CASE("a mailbox that holds senders is passed by what is on its way from another node only") {
  pair_with_takers p({.busy_bytes = little / 8});
  constexpr std::uint64_t bound = 50;
  const troupe::mailbox_limits limits{.messages = bound,
                                      .when_full = troupe::overflow::hold_sender};
  const stream& slow = p.add("slow", 10ms, limits);
  const stream& stuck = p.add("stuck", 1h, limits);
  const stream& quick = p.add("quick", 0ns, limits);
  constexpr std::uint64_t on_its_way = 300;  // by far less than unread_bytes would let through
  for (const stream* s : {&slow, &stuck, &quick})
    p.w.always("what is beyond the bound was on its way",
               [s] { return s->sent - s->taken <= bound + on_its_way; });
  p.w.run_for(1min);
  CHECK(slow.taken > 5'900);  // it always has something to take
  CHECK(quick.taken > 100'000);
  CHECK(p.b.system().message_counts().refused == 0);
  p.w.finish();
}

TEST_CASE("a peer that sends on to a full mailbox is refused when it has its allowance there") {
  pair_with_takers p({.unread_bytes = little / 4});
  p.b.system().spawn_with(
      {.name = "stuck", .mailbox = {.messages = 10, .when_full = troupe::overflow::hold_sender}},
      [](context self) -> process { co_await self.sleep(1h); });
  // Who calls is never held.
  int refused = 0;
  p.a.spawn([&](context self) -> process {
    const troupe::destination stuck("stuck", p.b.name());
    for (int i = 0; i < 10'000; ++i) {
      auto answer = co_await self.try_call(stuck, ask_for_double{i}, 10ms);
      refused += answer.reason().type() == "troupe::mailbox_full" ? 1 : 0;
    }
  });
  p.w.run_for(2min);
  CHECK(refused > 1'000);
  p.w.finish();
}

TEST_CASE("processes that take what they get hardly notice slow ones on the same connection") {
  const auto taken_beside = [](int slow_ones) {
    pair_with_takers p({.unread_bytes = little});
    const stream& quick = p.add("quick", 0ns);
    for (int i = 0; i < slow_ones; ++i) p.add("slow" + std::to_string(i), 1s);
    p.w.run_for(3s);  // the slow ones get their share
    const auto before = quick.taken;
    p.w.run_for(3s);
    return quick.taken - before;
  };
  const auto alone = taken_beside(0);
  const auto beside_one = taken_beside(1);
  const auto beside_five = taken_beside(5);
  CAPTURE(alone, beside_one, beside_five);
  CHECK(alone > 10'000);
  CHECK(beside_one * 10 >= alone * 9);
  CHECK(beside_five * 10 >= alone * 9);
}

TEST_CASE("a sender that waits for a process of another node goes on when that process ends") {
  pair_with_takers p({.unread_bytes = little});
  std::uint64_t sent = 0;
  p.fill_a_stuck_one(sent);
  const auto held = sent;
  p.w.run_for(10s);
  CHECK(sent == held);
  p.b.system().exit(p.b.system().whereis("stuck"), troupe::exit_reason::kill);
  p.w.run_for(1s);
  CHECK(sent > held);
  p.w.finish();
}

TEST_CASE("a sender that waits for a process of another node goes on when the connection ends") {
  pair_with_takers p({.unread_bytes = little});
  std::uint64_t sent = 0;
  p.fill_a_stuck_one(sent);
  const auto held = sent;
  p.w.cut(p.a, p.b);
  p.w.run_for(10s);
  CHECK(sent > held);
  p.w.finish();
}

TEST_CASE("signals and replies pass what waits for a process that reads nothing") {
  pair_with_takers p({.unread_bytes = little});
  std::uint64_t sent = 0;
  p.fill_a_stuck_one(sent);
  bool down = false;
  p.a.spawn([&](context self) -> process {
    const auto ref = self.monitor({"stuck", p.b.name()});
    co_await self.sleep(1s);
    p.b.system().exit(p.b.system().whereis("stuck"), troupe::exit_reason::kill);
    down = (co_await self.receive<troupe::down>()).ref == ref;
  });
  REQUIRE(p.w.run_until([&] { return down; }, 2s));
  p.w.finish();
}

TEST_CASE("a call to a process that reads nothing ends in its time though others wait for it") {
  pair_with_takers p({.unread_bytes = little});
  std::uint64_t sent = 0;
  p.fill_a_stuck_one(sent);
  std::string why;
  p.a.spawn([&](context self) -> process {
    const auto answer = co_await self.try_call({"stuck", p.b.name()}, ask_for_double{1}, 2s);
    why = answer ? "an answer" : answer.reason().type();
  });
  p.w.run_for(3s);
  CHECK(why == "troupe::timeout");
  p.w.finish();
}

TEST_CASE("with refuse what is too much is dropped and the sender is told at once") {
  pair_with_takers p({.unread_bytes = little, .when_busy = troupe::overflow::refuse});
  p.b.system().spawn_with({.name = "stuck"},
                          [](context self) -> process { co_await self.sleep(1h); });
  const troupe::destination stuck("stuck", p.b.name());
  int refused = 0;
  std::string why;
  p.a.spawn([&](context self) -> process {
    for (int i = 0; i < 100'000 && refused < 10; ++i) {
      if (!self.try_send(stuck, parcel{1, std::string(parcel_bytes, 'x')})) ++refused;
      if (i % 10 == 0) co_await self.sleep(1ms);
    }
    const auto answer = co_await self.try_call(stuck, ask_for_double{1}, 1h);
    why = answer ? "an answer" : answer.reason().type();
  });
  REQUIRE(p.w.run_until([&] { return !why.empty(); }, 1min));
  CHECK(refused == 10);
  CHECK(why == "troupe::node_busy");
  p.w.finish();
}

TEST_CASE("two nodes that flood each other with calls and slow processes with messages go on") {
  constexpr int callers = 20;
  const auto done = troupe::sim::explore({.seeds = troupe_test::seeds_wanted(10)}, [](world& w) {
    struct progress {
      std::map<std::string, std::uint64_t> of;
    };
    const auto made = std::make_shared<progress>();
    const auto boot = [made](sim_node& here) {
      for (const troupe::mailbox_limits& limits :
           {troupe::mailbox_limits{},
            troupe::mailbox_limits{.messages = 20, .when_full = troupe::overflow::hold_sender}})
        here.system().spawn_with(
            {.name = limits.any() ? "bounded" : "slow", .mailbox = limits},
            [](context self) -> process {
              for (;;) {
                (void)co_await self.receive<parcel>();
                co_await self.sleep(std::chrono::milliseconds(self.random() % 20));
              }
            });
      here.system().spawn_with({.name = "doubles"}, [](context self) -> process {
        for (;;)
          co_await self.receive([&](troupe::request<ask_for_double> r) { r.reply(2 * r->value); });
      });
    };
    const node_options options{.busy_bytes = 10'000, .unread_bytes = 100'000};
    sim_node& a = w.add_node("a", boot, options);
    sim_node& b = w.add_node("b", boot, options);
    for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      for (const std::string target : {"slow", "bounded"})
        from->spawn([made, target, name = to->name(),
                     key = from->label() + target](context self) -> process {
          for (std::uint64_t i = 1;; ++i) {
            const std::size_t size = self.random() % 50 == 0 ? 100'000 : self.random() % 3000;
            self.send({target, name}, parcel{i, std::string(size, 'x')});
            ++made->of[key];
            co_await self.yield();
            if (i % 1000 == 0) co_await self.sleep(100ms);
          }
        });
      for (int i = 0; i < callers; ++i)
        from->spawn([made, name = to->name(),
                     key = from->label() + std::to_string(i)](context self) -> process {
          for (int n = 0;; ++n) {
            auto answer = co_await self.try_call({"doubles", name}, ask_for_double{n}, 5s);
            if (answer && *answer == 2 * n) ++made->of[key];
            co_await self.sleep(std::chrono::milliseconds(self.random() % 100));
          }
        });
    }
    w.chaos({.partition = 10s, .stall = 5s, .cut = 3s, .pause = 10s, .longest = 5s});
    w.run_for(20s);
    w.heal();
    const auto before = made->of;
    const bool all = w.run_until(
        [&] {
          return made->of.size() == 2 * (callers + 2) &&
                 std::all_of(made->of.begin(), made->of.end(), [&](const auto& now) {
                   const auto at = before.find(now.first);
                   return now.second > (at == before.end() ? 0 : at->second);
                 });
        },
        2min);
    if (!all) w.fail("somebody does not go on after all faults have ended");
  });
  troupe_test::print(done);
  troupe_test::expect_reached(done, {"a process was sent more than it reads",
                                     "a full mailbox held senders on another node"});
}
