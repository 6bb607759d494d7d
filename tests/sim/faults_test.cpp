// Each fault of a simulated world by itself: what the nodes see of it.
#include <troupe/net/sim.hpp>

#include "support/catch.hpp"

#include <vector>

using namespace std::chrono_literals;
using troupe::context;
using troupe::exit_reason;
using troupe::process;
using troupe::sim::sim_node;
using troupe::sim::world;

namespace {

struct numbered {
  int number;
};
struct where {
  using reply = std::string;
};

// Two nodes that know each other, a collector of numbers on b, and on a one who sends a number each
// 100 ms and one who keeps what it hears of b.
struct pair_of_nodes {
  explicit pair_of_nodes(std::uint64_t seed = 1, troupe::net::node_options options = {})
      : w({.seed = seed}) {
    a = &w.add_node("a", {}, options);
    b = &w.add_node("b", [this](sim_node& node) { collect(node); }, options);
    a->net().connect(b->name());
    watch(*a, seen_by_a);
    a->spawn([to = b->name()](context self) -> process {
      for (int i = 1;; ++i) {
        self.send({"collector", to}, numbered{i});
        co_await self.sleep(100ms);
      }
    });
    w.run_for(1s);
  }
  void collect(sim_node& node) {
    node.system().spawn_with({.name = "collector"}, [this](context self) -> process {
      for (;;) got.push_back((co_await self.receive<numbered>()).number);
    });
    watch(node, seen_by_b);
  }
  static void watch(sim_node& node, std::vector<std::string>& into) {
    node.spawn([&into, &node](context self) -> process {
      node.net().monitor_nodes(self);
      for (;;)
        co_await self.receive([&](const troupe::net::nodeup&) { into.emplace_back("up"); },
                              [&](const troupe::net::nodedown& d) { into.push_back(d.reason); });
    });
  }
  [[nodiscard]] bool rising() const { return std::is_sorted(got.begin(), got.end()); }

  std::vector<std::string> seen_by_a;
  std::vector<std::string> seen_by_b;
  std::vector<int> got;
  world w;
  sim_node* a = nullptr;
  sim_node* b = nullptr;
};

}  // namespace

TEST_CASE("a node that is killed is seen to be down at once and one without power by its silence") {
  for (const bool power_loss : {false, true}) {
    pair_of_nodes p;
    const auto start = p.w.now();
    p.w.crash(*p.b, power_loss);
    REQUIRE(p.w.run_until([&] { return p.seen_by_a.size() == 2; }, 1min));
    if (power_loss)
      CHECK(p.w.now() - start >= 3s);  // 0.75 of the tick time
    else
      CHECK(p.w.now() - start <= 100ms);
    CHECK(p.w.now() - start <= 5s);
    p.w.restart(*p.b);
    CHECK(p.w.run_until([&] { return p.seen_by_a.size() == 3; }, 1min));
    CHECK(p.rising());
    p.w.finish();
  }
}

TEST_CASE("through a partition one way nothing passes and in the end both sides see it") {
  pair_of_nodes p;
  p.w.partition_one_way(*p.a, *p.b);
  p.w.run_for(100ms);
  const std::size_t before = p.got.size();
  CHECK(p.w.run_until([&] { return p.seen_by_a.size() == 2 && p.seen_by_b.size() == 2; }, 1min));
  CHECK(p.got.size() == before);
  p.w.heal();
  CHECK(p.w.run_until([&] { return p.got.size() > before + 5; }, 1min));
  CHECK(p.rising());
  p.w.finish();
}

TEST_CASE("a connection that is held up for less than the tick time loses nothing") {
  pair_of_nodes p;
  p.w.stall(*p.a, *p.b, 2s);
  p.w.run_for(5s);
  CHECK(p.seen_by_a == std::vector<std::string>{"up"});
  for (std::size_t i = 0; i < p.got.size(); ++i) CHECK(p.got[i] == static_cast<int>(i) + 1);
  CHECK(p.got.size() > 50);
  p.w.finish();
}

TEST_CASE("what an old connection still holds is never delivered after a new one is up") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    pair_of_nodes p(seed);
    p.w.stall(*p.a, *p.b, 30s);
    CHECK(p.w.run_until([&] { return p.seen_by_a.size() >= 3; }, 1min));  // up, down, up
    p.w.run_for(1min);                                                    // the old one arrives
    CHECK(p.rising());
    CHECK(p.got.back() > 500);
    p.w.finish();
  }
}

TEST_CASE("a connection that is cut at any byte loses a suffix and nothing else") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    pair_of_nodes p(seed);
    for (int i = 0; i < 5; ++i) {
      p.w.cut(*p.a, *p.b);
      p.w.run_for(1s);
    }
    CHECK(p.rising());
    CHECK(std::adjacent_find(p.got.begin(), p.got.end()) == p.got.end());
    CHECK(p.seen_by_a.size() == 11);
    p.w.finish();
  }
}

TEST_CASE("a node that is paused for long is dropped and comes back as the same incarnation") {
  pair_of_nodes p;
  const auto incarnation = p.b->net().incarnation();
  p.w.pause(*p.b);
  CHECK(p.w.run_until([&] { return p.seen_by_a.size() == 2; }, 1min));
  p.w.resume(*p.b);
  CHECK(p.w.run_until([&] { return p.seen_by_a.size() == 3; }, 1min));
  CHECK(p.b->net().incarnation() == incarnation);
  CHECK(p.rising());
  p.w.finish();
}

TEST_CASE("a dial of a node that is down is refused and one into a partition times out") {
  world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node("b");
  w.partition(a, b);
  const auto start = w.now();
  CHECK_THROWS_AS(a.net().connect(b.name()), troupe::net::node_error);
  CHECK(w.now() - start >= 4s);
  w.heal();
  w.crash(b);
  w.run_for(1min);
  const auto again = w.now();
  CHECK_THROWS_WITH(a.net().connect(b.name()), matchers::ContainsSubstring("nothing listens"));
  CHECK(w.now() - again <= 1s);
}

TEST_CASE("nodes of a mesh with one link missing see just that") {
  world w;
  auto& a = w.add_node("a");
  auto& b = w.add_node("b");
  auto& c = w.add_node("c");
  for (auto& n : w.nodes())
    for (auto& m : w.nodes())
      if (n != m) n->net().connect(m->name());
  w.partition(a, c);
  w.run_for(1min);
  CHECK(a.net().nodes() == std::vector{b.name()});
  CHECK(b.net().nodes() == std::vector{a.name(), c.name()});
  CHECK(c.net().nodes() == std::vector{b.name()});
  w.finish();
}

TEST_CASE("the wall clock of a node may jump and nobody cares") {
  pair_of_nodes p;
  const auto before = p.b->system().time()->wall();
  p.b->machine().move_wall_clock(-24h);
  p.w.run_for(1min);
  CHECK(p.b->system().time()->wall() < before);
  CHECK(p.seen_by_a.size() == 1);
  p.w.finish();
}

TEST_CASE(
    "a link that comes and goes around the tick time leaves no more behind than one that stays") {
  for (const auto period : {3500ms, 4500ms}) {  // the tick time is 4 s
    pair_of_nodes p;
    const auto before = p.a->system().counts();
    for (int i = 0; i < 100; ++i) {
      p.w.partition(*p.a, *p.b);
      p.w.run_for(period);
      p.w.heal();
      p.w.run_for(period);
    }
    CHECK(p.w.run_until([&] { return p.a->net().nodes().size() == 1; }, 1min));
    CHECK(p.rising());
    // Ups and downs by turns, and no more than one of each in a period.
    CHECK(p.seen_by_a.size() <= 201);
    for (std::size_t i = 0; i < p.seen_by_a.size(); ++i)
      CHECK((p.seen_by_a[i] == "up") == (i % 2 == 0));
    CHECK(p.a->system().counts().links == before.links);
    CHECK(p.a->system().counts().monitors == before.monitors);
    CHECK(p.a->system().counts().processes == before.processes);
    p.w.finish();
  }
}

namespace {

struct from_twin {
  int life;
};

// A node a that ticks once an hour, a node n that it is connected with, and one n' that has been
// given the same name. Both send to a all the time; whom a heard last is `heard`.
struct twins {
  explicit twins(std::uint64_t seed) : w({.seed = seed}) {
    a = &w.add_node("a",
                    [this](sim_node& node) {
                      node.system().spawn_with(
                          {.name = "collector"}, [this](context self) -> process {
                            for (;;) heard = (co_await self.receive<from_twin>()).life;
                          });
                      pair_of_nodes::watch(node, seen_by_a);
                    },
                    {.tick_time = 1h});
    n = &w.add_node("n", [this](sim_node& node) { talk(node); }, {.tick_time = 1h});
    w.run_until([this] { return seen_by_a.size() == 1; }, 1min);
    twin = &w.add_twin(*n, [this](sim_node& node) { talk(node); });
  }
  void talk(sim_node& node) {
    node.spawn([to = a->name(), life = ++lives](context self) -> process {
      for (;; co_await self.sleep(100ms)) self.send({"collector", to}, from_twin{life});
    });
  }

  int lives = 0;
  int heard = 0;
  std::vector<std::string> seen_by_a;
  world w;
  sim_node* a = nullptr;
  sim_node* n = nullptr;
  sim_node* twin = nullptr;
};

}  // namespace

TEST_CASE("of two live nodes under one name the second is refused and the first not disturbed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    twins t(seed);
    t.w.always("a does not hear the second", [&] { return t.heard != 2; });
    t.w.run_for(30s);
    CHECK(t.heard == 1);
    CHECK_THROWS_WITH(t.twin->net().connect(t.a->name()), matchers::ContainsSubstring("(alive)"));
    CHECK(t.seen_by_a == std::vector<std::string>{"up"});
    t.w.finish();
  }
}

TEST_CASE("a node that was held up itself does not give the place of a live node away") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    twins t(seed);
    t.w.always("a does not hear the second", [&] { return t.heard != 2; });
    for (int i = 0; i < 20; ++i) {
      t.w.pause(*t.a);
      t.w.run_for(t.w.chance().between(0ns, 4s));
      t.w.resume(*t.a);
      t.w.run_for(t.w.chance().between(0ns, 1s));
    }
    t.w.run_for(10s);
    CHECK(t.heard == 1);
    CHECK(t.seen_by_a == std::vector<std::string>{"up"});
    t.w.finish();
  }
}

TEST_CASE("a node whose newcomer has gone meanwhile has the whole tick time to answer") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    twins t(seed);
    t.w.run_for(t.w.chance().between(0ns, 5s));
    t.w.pause(*t.n);
    t.w.run_for(t.w.chance().between(0ns, 2400ms));  // less than half of the setup time
    t.w.crash(*t.twin);
    t.w.run_for(5s);
    t.w.resume(*t.n);
    t.w.run_for(5s);
    CHECK(t.seen_by_a == std::vector<std::string>{"up"});
    t.w.finish();
  }
}

TEST_CASE("a node that answers no more makes room for one of its name long before the tick time") {
  for (const int how : {0, 1, 2})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      twins t(seed);
      t.w.run_for(5s);
      REQUIRE(t.heard == 1);
      if (how == 0) t.w.crash(*t.n);
      if (how == 1) t.w.crash(*t.n, true);
      if (how == 2) t.w.pause(*t.n);
      // The longest pause between two dials, and half of the setup time.
      CHECK(t.w.run_until([&] { return t.heard == 2; }, how == 0 ? 6s : 9s));
      if (how == 2) t.w.resume(*t.n);
      if (how != 2) t.w.restart(*t.n);
      t.w.run_for(20s);
      CHECK(t.heard == 2);  // and now that one keeps its place
      CHECK(t.seen_by_a.size() == 3);
      t.w.finish();
    }
}

TEST_CASE("a node that lost its power and starts again is let in at once") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    twins t(seed);
    t.w.crash(*t.twin);
    t.w.crash(*t.n, true);
    t.w.run_for(1min);
    REQUIRE(t.seen_by_a.size() == 1);
    t.w.restart(*t.n);
    CHECK(t.w.run_until([&] { return t.heard == 3; }, 1s));
    CHECK(t.seen_by_a.size() == 3);
    t.w.finish();
  }
}

namespace {

struct pass_me_on {
  using reply = int;
  int number;
};

}  // namespace

TEST_CASE("a call that is passed on ends whatever crashes") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    world w({.seed = seed});
    int answered = 0;
    int failed = 0;
    auto& c = w.add_node("c", [](sim_node& node) {
      node.system().spawn_with({.name = "back"}, [](context self) -> process {
        for (;;) co_await self.receive([](troupe::request<pass_me_on> r) { r.reply(r->number); });
      });
    });
    w.add_node("b", [to = c.name()](sim_node& node) {
      node.system().spawn_with({.name = "front"}, [to](context self) -> process {
        const troupe::destination back{"back", to};
        for (;;)
          co_await self.receive(
              [&](troupe::request<pass_me_on> r) { self.send(back, std::move(r)); });
      });
    });
    auto& a = w.add_node("a");
    a.spawn([&, to = w.nodes()[1]->name()](context self) -> process {
      const troupe::destination front{"front", to};
      for (int i = 1;; ++i) {
        auto answer = co_await self.try_call(front, pass_me_on{i}, troupe::infinity);
        if (answer && *answer != i) w.fail("the answer of another call");
        ++(answer ? answered : failed);
        co_await self.sleep(10ms);
      }
    });
    w.chaos({.partition = 20s,
             .stall = 20s,
             .cut = 3s,
             .pause = 20s,
             .crash = 5s,
             .longest = 10s,
             .may_crash = {"b", "c"}});
    w.run_for(1min);
    CHECK(answered > 0);
    CHECK(failed > 0);
    const int before = answered;
    w.eventually("calls are answered again", 30s, [&] { return answered > before + 10; });
    w.heal();
    w.finish();
  }
}

TEST_CASE(
    "a delay longer than the tick time is silence, and what comes after it is not delivered") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    constexpr auto tick_time = 10s;
    pair_of_nodes p(seed, {.tick_time = tick_time});
    p.w.delay(*p.a, *p.b, 1min);
    p.w.run_for(100ms);  // what was on its way
    const std::size_t before = p.got.size();
    const auto start = p.w.now();
    REQUIRE(p.w.run_until([&] { return p.seen_by_b.size() == 2; }, 1min));
    CHECK(p.w.now() - start >= 3 * tick_time / 4 - 100ms);
    CHECK(p.w.now() - start <= 5 * tick_time / 4);
    CHECK(p.seen_by_b.back() == "it was silent for the tick time");
    // The other way is as fast as ever.
    CHECK(p.w.run_until([&] { return p.seen_by_a.size() == 2; }, 100ms));
    p.w.run_for(3min);  // no dial gets through in its time
    CHECK(p.seen_by_a.size() == 2);
    CHECK(p.got.size() == before);
    p.w.heal();
    CHECK(p.w.run_until([&] { return p.got.size() > before + 100; }, 1min));
    CHECK(p.rising());
    CHECK(std::adjacent_find(p.got.begin(), p.got.end()) == p.got.end());
    p.w.finish();
  }
}

TEST_CASE("with a tick time above it a delay of a minute takes nobody for dead and loses nothing") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    pair_of_nodes p(seed, {.tick_time = 2min});
    p.w.delay(*p.a, *p.b, 1min);
    p.w.run_for(10min);
    CHECK(p.seen_by_a == std::vector<std::string>{"up"});
    CHECK(p.seen_by_b == std::vector<std::string>{"up"});
    REQUIRE(p.got.size() > 5300);
    for (std::size_t i = 0; i < p.got.size(); ++i) REQUIRE(p.got[i] == static_cast<int>(i) + 1);
    p.w.finish();
  }
}

TEST_CASE("a node that cannot be reached is dialled less and less often, and others as ever") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    world w({.seed = seed});
    auto& a = w.add_node("a");
    auto& gone = w.add_node("gone");
    auto& there = w.add_node("there");
    w.crash(gone);
    // A dial takes the time to the other machine and back; who calls between two is told at once.
    constexpr auto way = 20ms;
    w.delay(a, gone, way);
    std::vector<troupe::steady_time> dials;
    bool reached = false;
    a.spawn([&, to = gone.name()](context self) -> process {
      const troupe::destination nobody{"nobody", to};
      for (;;) {
        const auto start = self.now();
        auto answer = co_await self.try_call(nobody, where{}, troupe::infinity);
        reached = answer.reason() != exit_reason::noconnection;
        if (!reached && self.now() - start > way) dials.push_back(start);
        co_await self.sleep(10ms);
      }
    });
    w.run_for(20s);
    // From 0.1 s on, twice as long each time, up to 5 s, less a quarter at most.
    auto pause = 100ms;
    for (std::size_t i = 1; i < dials.size(); ++i) {
      CHECK(dials[i] - dials[i - 1] >= 3 * pause / 4);
      CHECK(dials[i] - dials[i - 1] <= pause + 200ms);
      pause = std::min<std::chrono::milliseconds>(2 * pause, 5s);
    }
    CHECK(dials.size() >= 8);
    const auto start = w.now();
    a.net().connect(there.name());
    CHECK(w.now() - start < 1s);
    w.restart(gone);
    CHECK(w.run_until([&] { return reached; }, 6s));
    // That is over with the first that succeeds.
    const std::size_t before = dials.size();
    w.crash(gone);
    w.run_for(1s);
    CHECK(dials.size() > before + 1);
    w.finish();
  }
}
