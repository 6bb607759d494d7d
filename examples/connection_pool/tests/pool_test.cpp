// The pool in the simulator, over lines in memory; and over TCP with the server of the example.
#include "pool.hpp"
#include "echo_server.hpp"
#include "support/catch.hpp"

#include <troupe/sim/simulation.hpp>

#include <atomic>
#include <optional>

namespace {

using namespace pooled;
using namespace std::chrono_literals;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;

// A service in memory: how many lines were opened, and what the next ask does.
struct service {
  std::atomic<int> opened{0}, inside{0}, crowded{0};
  std::atomic<bool> down{false};
};
class memory_line final : public line {
 public:
  explicit memory_line(service& at) : at_(at) {}
  std::string ask(const std::string& text) override {
    if (at_.down) throw line_failed("the service is down");
    if (++inside_ > 1) ++at_.crowded;
    --inside_;
    return text;
  }

 private:
  service& at_;
  std::atomic<int> inside_{0};
};

struct house {
  explicit house(const pool_options& options = {}, std::uint64_t seed = 1)
      : in(troupe::sim::simulation_options{.seed = seed}),
        system(in.add_host("pool").options()),
        pools(start_pools(
            system,
            [this]() -> std::shared_ptr<line> {
              if (at.down) throw line_failed("the service is down");
              ++at.opened;
              return std::make_shared<memory_line>(at);
            },
            options)) {}
  // Runs the simulation with this in it.
  template <class Function>
  void run(Function function) {
    system.run(function);
  }
  [[nodiscard]] const std::string& name() const { return pools.names().front(); }
  // Waits until the first partition is in that state.
  [[nodiscard]] task<> comes_to(context self, usage wanted) const {
    for (int i = 0; i < 10'000; ++i) {
      if (co_await self.call(name(), get_usage{}) == wanted) co_return;
      co_await self.sleep(1ms);
    }
    FAIL("the pool does not come to that state");
  }

  service at;
  troupe::sim::simulation in;
  troupe::system system;
  troupe::partitions pools;
};

const pool_options one{.partitions = 1, .connections = 1, .max_waiting = 2};
const usage one_idle{.idle = 1};

// Checks out, says so, and keeps it until it is told to end.
troupe::process owner(context self, std::string pool, pid report) {
  self.send(report, co_await self.call(pool, checkout{}, 1h));
  (void)co_await self.receive<int>();
}

TEST_CASE("a connection is lent and given back") {
  house h(one);
  h.run([&](context self) -> task<> {
    co_await h.comes_to(self, one_idle);
    const lease mine = co_await self.call(h.name(), checkout{});
    const auto lent = co_await self.call(h.name(), get_usage{});
    CHECK((lent == usage{.leased = 1}));
    const auto answer = co_await self.call(mine.connection, ask{"hello"});
    CHECK(answer == "hello");
    self.send(h.name(), checkin{mine.number});
    co_await h.comes_to(self, one_idle);
  });
}

TEST_CASE("the connection of an owner that ends in any way goes back") {
  house h(one);
  h.run([&](context self) -> task<> {
    for (const bool killed : {true, false}) {
      const pid who = self.spawn(owner, h.name(), self.id());
      const lease its = co_await self.receive<lease>();
      if (killed)
        self.exit(who, exit_reason::kill);
      else
        self.send(who, 0);
      co_await h.comes_to(self, one_idle);
      CHECK(h.system.alive(its.connection));  // the same connection
    }
  });
  CHECK(h.at.opened == 1);
}

TEST_CASE("who waits longest is served first") {
  house h({.partitions = 1, .connections = 1, .max_waiting = 10});
  h.run([&](context self) -> task<> {
    const lease mine = co_await self.call(h.name(), checkout{});
    std::vector<pid> line;
    for (std::size_t i = 1; i <= 5; ++i) {
      line.push_back(self.spawn(
          [](context me, std::string pool, pid report) -> troupe::process {
            const lease its = co_await me.call(pool, checkout{}, 1h);
            me.send(report, me.id());
            me.send(pool, checkin{its.number});
          },
          h.name(), self.id()));
      co_await h.comes_to(self, {.leased = 1, .waiting = i});
    }
    self.send(h.name(), checkin{mine.number});
    for (const pid next : line) {
      const pid served = co_await self.receive<pid>();
      CHECK(served == next);
    }
  });
}

TEST_CASE("a full line refuses at once with an error that says what to do") {
  house h(one);
  h.run([&](context self) -> task<> {
    const lease mine = co_await self.call(h.name(), checkout{});
    for (std::size_t i = 1; i <= one.max_waiting; ++i) self.spawn(owner, h.name(), self.id());
    co_await h.comes_to(self, {.leased = 1, .waiting = one.max_waiting});
    const auto before = self.now();
    const auto refused = co_await self.try_call(h.name(), checkout{}, 1h);
    CHECK(self.now() - before < 1s);
    REQUIRE_FALSE(refused);
    CHECK(refused.reason().type() == "pooled::overloaded");
    CHECK(refused.reason().text() ==
          "pool/0: no connection is free and 2 callers wait: try again later, or raise "
          "pool_options::max_waiting");
    self.send(h.name(), checkin{mine.number});
    (void)co_await self.receive<lease>();  // those who waited are served
  });
}

TEST_CASE("who has given up takes neither a connection nor a place in the line") {
  house h(one);
  h.run([&](context self) -> task<> {
    const lease mine = co_await self.call(h.name(), checkout{});
    for (int i = 0; i < 5; ++i) {  // more than the line has places
      const auto late = co_await self.try_call(h.name(), checkout{}, 10ms);
      REQUIRE_FALSE(late);
      CHECK(late.reason().type() == "troupe::timeout");
    }
    self.send(h.name(), checkin{mine.number});
    co_await h.comes_to(self, one_idle);
  });
}

TEST_CASE("a connection that breaks is replaced after its back-off") {
  house h(one);
  h.run([&](context self) -> task<> {
    co_await h.comes_to(self, one_idle);
    h.at.down = true;
    const auto before = self.now();
    CHECK_THROWS_AS(co_await ask_pool(self, h.pools, "ada", "hello", 1s), troupe::call_error);
    const auto counted = co_await self.call(h.name(), get_usage{});
    CHECK((counted == usage{}));
    h.at.down = false;
    co_await h.comes_to(self, one_idle);
    CHECK(self.now() - before >= one.backoff.first * 0.9);
    const auto answer = co_await ask_pool(self, h.pools, "ada", "hello", 1s);
    CHECK(answer == "hello");
  });
  CHECK(h.at.opened == 2);
}

TEST_CASE("a long outage of the service is outlived by those who wait long enough") {
  house h({.partitions = 1, .connections = 4});
  h.run([&](context self) -> task<> {
    h.at.down = true;
    CHECK_THROWS_AS(co_await ask_pool(self, h.pools, "ada", "hello", 1s), troupe::call_error);
    co_await self.sleep(10min);
    h.at.down = false;
    const auto answer = co_await ask_pool(self, h.pools, "ada", "hello", 10s);
    CHECK(answer == "hello");
  });
}

TEST_CASE("a pool that crashes begins again with new connections") {
  house h(one);
  h.run([&](context self) -> task<> {
    co_await h.comes_to(self, one_idle);
    const lease old = co_await self.call(h.name(), checkout{});
    self.exit(self.whereis(h.name()), exit_reason::kill);
    (void)self.monitor(old.connection);
    (void)co_await self.receive<troupe::down>();  // the connection ends with its pool
    co_await self.sleep(1s);
    const lease fresh = co_await self.call(h.name(), checkout{});
    CHECK(fresh.connection != old.connection);
    const auto answer = co_await self.call(fresh.connection, ask{"hello"});
    CHECK(answer == "hello");
  });
}

TEST_CASE("however many ask, each is answered and no connection is shared") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    house h({.partitions = 2, .connections = 3, .max_waiting = 100}, seed);
    h.run([&](context self) -> task<> {
      constexpr int clients = 60;
      for (int i = 0; i < clients; ++i)
        self.spawn(
            [&h](context me, int n, pid report) -> troupe::process {
              const auto text = std::to_string(n);
              me.send(report, co_await ask_pool(me, h.pools, text, text, 1min) == text);
              if (n % 3 == 0) {  // ends while it holds a connection
                (void)co_await me.call(h.pools.partition_of(text), checkout{}, 1min);
              }
            },
            i, self.id());
      for (int i = 0; i < clients; ++i) {
        const bool right = co_await self.receive<bool>();
        CHECK(right);
      }
      co_await h.comes_to(self, {.idle = 3});
    });
    CHECK(h.at.crowded == 0);
    CHECK(h.at.opened == 6);
  }
}

TEST_CASE("questions over TCP are answered also after the service was away") {
  std::optional<echo_server> server(std::in_place);
  const auto port = server->port();
  troupe::system system;
  const auto pools = start_pools(system, tcp(port));
  const auto ask_once = [&](std::string text) {
    return system.run([&](context self) -> task<std::string> {
      co_return co_await ask_pool(self, pools, text, text, 10s);
    });
  };
  for (int i = 0; i < 20; ++i) CHECK(ask_once(std::to_string(i)) == std::to_string(i));
  server.reset();
  CHECK_THROWS_AS(ask_once("nobody there"), troupe::call_error);
  server.emplace(port);
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) try {
      answer = ask_once("back again");
    } catch (const troupe::call_error&) {  // over a connection that had not noticed yet
    }
  CHECK(answer == "back again");
}

}  // namespace
