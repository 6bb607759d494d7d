// Processes under keys. (Elixir: Registry.)
#include <troupe/registry.hpp>

#include "core/support.hpp"

#include <algorithm>

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::registry;
using troupe::registry_keys;
using troupe::task;

namespace {

using players = registry<std::string, int>;
using topics = registry<std::string, int, registry_keys::duplicate>;

struct hit {
  int by;
};
struct ask {
  using reply = int;
};

process player(context self) {
  int sum = 0;
  for (;;)
    co_await self.receive([&](hit h) { sum += h.by; },
                          [&](troupe::request<ask> r) { r.reply(sum); });
}

// Registers itself, says so, and lives on.
process member_of(context self, topics in, std::string key, int value, pid report) {
  in.register_as(self, key, value);
  self.send(report, hit{value});
  for (;;) co_await self.receive([](troupe::request<are_you_there> r) { r.reply(); });
}

std::vector<std::string> sorted(std::vector<std::string> keys) {
  std::ranges::sort(keys);
  return keys;
}

std::vector<int> values_of(const std::vector<topics::entry>& entries) {
  std::vector<int> values;
  for (const auto& e : entries) values.push_back(e.value);
  return values;
}

TEST_CASE("a registered process is found under its key with its value from everywhere") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    CHECK(all.lookup("ada").empty());
    CHECK_FALSE(all.whereis("ada"));
    all.register_as(self, "ada", 7);
    CHECK(all.whereis("ada") == self.id());
    const auto found = all.lookup("ada");
    REQUIRE(found.size() == 1);
    CHECK(found[0].process == self.id());
    CHECK(found[0].value == 7);
    CHECK_FALSE(all.whereis("bob"));
    co_return;
  });
  CHECK_FALSE(all.whereis("ada"));
  sys->run([&](context self) -> task<> {
    all.register_as(self, "ada", 8);
    const pid other = self.spawn(
        [](context me, players of, pid report) -> process {
          me.send(report, hit{of.lookup("ada").at(0).value});
          co_return;
        },
        all, self.id());
    CHECK(other);
    CHECK((co_await self.receive<hit>()).by == 8);
  });
}

TEST_CASE("a unique key that is taken is refused with a text that names it and its holder") {
  checked_system sys;
  const players all(*sys);
  const pid holder = sys->spawn_with({.under = all.via("ada")}, player);
  sys->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(
        all.register_as(self, "ada"),
        matchers::ContainsSubstring("the name \"ada\" is taken by " + troupe::to_string(holder)));
    try {
      all.register_as(self, "ada");
    } catch (const troupe::name_taken& e) {
      CHECK(e.holder() == holder);
    }
    CHECK(all.keys(self).empty());
    CHECK(all.whereis("ada") == holder);
    co_return;
  });
}

TEST_CASE("a process that has a key already is told that it holds it itself") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    all.register_as(self, "ada", 1);
    CHECK(all.try_register_as(self, "ada", 2) == self.id());
    CHECK(all.lookup("ada").at(0).value == 1);
    CHECK(sorted(all.keys(self)) == std::vector<std::string>{"ada"});
    co_return;
  });
}

TEST_CASE("trying to register gives the holder in the place of an exception") {
  checked_system sys;
  const players all(*sys);
  const pid holder = sys->spawn_with({.under = all.via("ada")}, player);
  sys->run([&](context self) -> task<> {
    CHECK(all.try_register_as(self, "ada") == holder);
    CHECK_FALSE(all.try_register_as(self, "bob"));
    CHECK(all.whereis("bob") == self.id());
    co_return;
  });
}

TEST_CASE("a process may have several keys and knows them") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    for (const char* key : {"ada", "bob", "eve"}) all.register_as(self, key);
    CHECK(sorted(all.keys(self)) == std::vector<std::string>{"ada", "bob", "eve"});
    CHECK(all.count() == 3);
    all.unregister(self, "bob");
    CHECK(sorted(all.keys(self)) == std::vector<std::string>{"ada", "eve"});
    CHECK_FALSE(all.whereis("bob"));
    CHECK(all.count() == 2);
    CHECK(all.keys(self.parent()).empty());
    co_return;
  });
  CHECK(all.count() == 0);
}

TEST_CASE("a process gives up its own keys only") {
  checked_system sys;
  const players all(*sys);
  const pid holder = sys->spawn_with({.under = all.via("ada")}, player);
  sys->run([&](context self) -> task<> {
    all.unregister(self, "ada");
    all.unregister(self, "nobody");
    CHECK(all.whereis("ada") == holder);
    CHECK_FALSE(all.update_value(self, "ada", [](int v) { return v + 1; }));
    co_return;
  });
}

TEST_CASE("a key is free before the end of its holder is seen by link or monitor or call") {
  checked_system sys({.workers = 4});
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 600; ++i) {
      const bool linked = i % 3 == 0, watched = i % 3 == 1;
      const pid holder =
          self.spawn_with({.link = linked, .monitor = watched, .under = all.via("server")},
                          [](context me) -> process {
                            auto held = co_await me.receive<troupe::request<are_you_there>>();
                          })
              .id;
      auto unanswered = self.send_request(holder, are_you_there{}, troupe::infinity);
      if (linked)
        (void)co_await self.receive<troupe::exit_signal>();
      else if (watched)
        (void)co_await self.receive<troupe::down>();
      else
        CHECK(!co_await unanswered);
      CHECK_FALSE(all.whereis("server"));
    }
  });
}

TEST_CASE("a process that is killed loses all its keys") {
  checked_system sys;
  const registry<int> all(*sys);
  sys->run([&](context self) -> task<> {
    const auto p = self.spawn_monitor(
        [](context me, registry<int> in) -> process {
          for (int i = 0; i < 100; ++i) in.register_as(me, i);
          for (;;) co_await me.receive([](troupe::request<are_you_there> r) { r.reply(); });
        },
        all);
    co_await self.call(p.id, are_you_there{});
    CHECK(all.count() == 100);
    self.exit(p.id, exit_reason::kill);
    (void)co_await self.receive<troupe::down>();
    CHECK(all.count() == 0);
    CHECK(all.keys(p.id).empty());
  });
}

TEST_CASE("a process changes the value of its key and others see the new one") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    all.register_as(self, "ada", 1);
    const auto now = all.update_value(self, "ada", [](int v) { return v + 1; });
    CHECK(now == 2);
    CHECK(all.lookup("ada").at(0).value == 2);
    CHECK_FALSE(all.update_value(self, "bob", [](int v) { return v; }));
    co_return;
  });
}

TEST_CASE("processes under a duplicate key stand in the order in which they registered") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < 5; ++i) {
      self.spawn(member_of, all, "news", i, self.id());
      (void)co_await self.receive<hit>();
    }
    CHECK(values_of(all.lookup("news")) == std::vector{0, 1, 2, 3, 4});
    const pid third = all.lookup("news").at(2).process;
    self.exit(third, exit_reason::kill);
    (void)co_await end_of(self, third);
    CHECK(values_of(all.lookup("news")) == std::vector{0, 1, 3, 4});
    CHECK(all.count("news") == 4);
    CHECK(all.count("weather") == 0);
  });
}

TEST_CASE("a process may be under a duplicate key more than once") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    for (const int value : {1, 2, 1}) all.register_as(self, "news", value);
    all.register_as(self, "weather", 5);
    CHECK(values_of(all.lookup("news")) == std::vector{1, 2, 1});
    CHECK(sorted(all.keys(self)) == std::vector<std::string>{"news", "news", "news", "weather"});
    CHECK(all.values("news", self) == std::vector{1, 2, 1});
    CHECK(all.values("news", self.parent()).empty());
    all.unregister(self, "news");
    CHECK(all.lookup("news").empty());
    CHECK(sorted(all.keys(self)) == std::vector<std::string>{"weather"});
    co_return;
  });
}

TEST_CASE("those entries can be given up whose value fits") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    self.spawn(member_of, all, "news", 2, self.id());
    (void)co_await self.receive<hit>();
    for (const int value : {1, 2, 3, 4}) all.register_as(self, "news", value);
    CHECK(all.unregister_if(self, "news", [](int v) { return v % 2 == 0; }) == 2);
    CHECK(values_of(all.lookup("news")) == std::vector{2, 1, 3});  // the first is another's
    CHECK(all.keys(self).size() == 2);
    CHECK(all.unregister_if(self, "weather", [](int) { return true; }) == 0);
  });
}

TEST_CASE("entries are matched by their values") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < 6; ++i) all.register_as(self, "news", i);
    CHECK(values_of(all.match("news", [](int v) { return v > 3; })) == std::vector{4, 5});
    CHECK(all.match("news", [](int v) { return v > 9; }).empty());
    co_return;
  });
}

TEST_CASE("all that is registered can be read at once") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    all.register_as(self, "news", 1);
    all.register_as(self, "news", 2);
    all.register_as(self, "weather", 3);
    int sum = 0;
    for (const auto& r : all.all()) {
      CHECK(r.process == self.id());
      CHECK(r.key == (r.value == 3 ? "weather" : "news"));
      sum += r.value;
    }
    CHECK(sum == 6);
    co_return;
  });
}

TEST_CASE("dispatching calls the function once with all that is there and not for nothing") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    all.register_as(self, "news", 1);
    all.register_as(self, "news", 2);
    int calls = 0;
    all.dispatch("news", [&](const std::vector<topics::entry>& entries) {
      ++calls;
      CHECK(entries.size() == 2);
      all.unregister(self, "news");  // what it does to the registry is allowed
    });
    all.dispatch("news", [&](const auto&) { ++calls; });
    CHECK(calls == 1);
    co_return;
  });
}

TEST_CASE("what is sent to a key reaches each process as often as it is under it") {
  checked_system sys;
  const registry<std::string, troupe::internal::nothing, registry_keys::duplicate> all(*sys);
  sys->run([&](context self) -> task<> {
    all.register_as(self, "news");
    all.register_as(self, "news");
    CHECK(all.send("news", hit{3}) == 2);
    CHECK(all.send("weather", hit{4}) == 0);
    CHECK((co_await self.receive<hit>()).by == 3);
    CHECK((co_await self.receive<hit>()).by == 3);
    CHECK_FALSE(co_await self.receive_within<hit>(0ns));
  });
}

TEST_CASE("a key is an address for messages and calls and monitors") {
  checked_system sys;
  const players all(*sys);
  sys->spawn_with({.under = all.via("ada")}, player);
  sys->run([&](context self) -> task<> {
    self.send(all.via("ada"), hit{3});
    self.system().send(all.via("ada"), hit{4});
    CHECK(co_await self.call(all.via("ada"), ask{}) == 7);
    const auto ref = self.monitor(all.via("ada"));
    self.exit(all.whereis("ada"), exit_reason::kill);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::killed);
  });
}

TEST_CASE("a message to a key that nobody has is dropped and a call fails with noproc") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    const auto before = self.system().counts().messages_dropped;
    self.send(all.via("nobody"), hit{1});
    CHECK(self.system().counts().messages_dropped == before + 1);
    const auto answer = co_await self.try_call(all.via("nobody"), ask{});
    REQUIRE_FALSE(answer);
    CHECK(answer.reason() == exit_reason::noproc);
    const auto ref = self.monitor(all.via("nobody"));
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::noproc);
  });
}

TEST_CASE("an address by key means who has the key when it is used") {
  checked_system sys;
  const players all(*sys);
  const auto ada = all.via("ada");
  sys->run([&](context self) -> task<> {
    const pid first = self.spawn_with({.under = ada}, player).id;
    self.send(ada, hit{1});
    CHECK(co_await self.call(ada, ask{}) == 1);
    self.exit(first, exit_reason::kill);
    (void)co_await end_of(self, first);
    self.spawn_with({.under = ada}, player);
    self.send(ada, hit{5});
    CHECK(co_await self.call(ada, ask{}) == 5);
  });
}

class counting : public troupe::server {
 public:
  using handles = troupe::messages<ask>;
  explicit counting(const players& in) : found_(in.keys(self).size()) {}
  int handle(ask) { return static_cast<int>(found_); }

 private:
  std::size_t found_;
};

TEST_CASE("a process that is spawned under a key has it before it runs") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    const pid made = self.spawn_with<counting>({.under = all.via("ada", 9)}, all).id;
    CHECK(all.whereis("ada") == made);
    CHECK(all.lookup("ada").at(0).value == 9);
    CHECK(co_await self.call(made, ask{}) == 1);
  });
}

TEST_CASE("a second start under a key fails with its holder and leaves nothing") {
  checked_system sys;
  const players all(*sys);
  const pid holder = sys->spawn_with({.under = all.via("ada")}, player);
  const auto says =
      matchers::ContainsSubstring("the name \"ada\" is taken by " + troupe::to_string(holder));
  for (int i = 0; i < 10; ++i)
    CHECK_THROWS_WITH(sys->spawn_with({.under = all.via("ada")}, player), says);
  sys->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(self.spawn_with({.link = true, .under = all.via("ada")}, player), says);
    CHECK_THROWS_WITH(self.spawn_with<counting>({.under = all.via("ada")}, all), says);
    co_return;
  });
  CHECK(all.count() == 1);
  CHECK(all.whereis("ada") == holder);
  sys.await_counts({.processes = 1});
}

TEST_CASE("a process whose key is taken gives its name back") {
  checked_system sys;
  const players all(*sys);
  sys->spawn_with({.under = all.via("ada")}, player);
  CHECK_THROWS_AS(sys->spawn_with({.name = "ada", .under = all.via("ada")}, player),
                  troupe::name_taken);
  CHECK_FALSE(sys->whereis("ada"));
  const pid bob = sys->spawn_with({.name = "bob", .under = all.via("bob")}, player);
  CHECK(sys->whereis("bob") == bob);
  CHECK(all.whereis("bob") == bob);
  CHECK_THROWS_AS(sys->spawn_with({.name = "bob", .under = all.via("eve")}, player),
                  troupe::name_taken);
  CHECK_FALSE(all.whereis("eve"));
}

TEST_CASE("a child is restarted under its key") {
  checked_system sys;
  const players all(*sys);
  sys->supervise(troupe::one_for_one{.intensity = 5},
                 {troupe::child("ada", player).under(all.via("ada", 3)),
                  troupe::child<counting>("count", all).under(all.via("count"))});
  for (const char* key : {"ada", "count"}) {
    const pid first = all.whereis(key);
    REQUIRE(first);
    sys->exit(first, exit_reason::kill);
    CHECK(comes_true([&] {
      const pid now = all.whereis(key);
      return now && now != first;
    }));
  }
  CHECK(all.lookup("ada").at(0).value == 3);
}

TEST_CASE("a tree whose child finds its key taken does not start and says who has it") {
  checked_system sys;
  const players all(*sys);
  const pid holder = sys->spawn_with({.under = all.via("ada")}, player);
  CHECK_THROWS_WITH(
      sys->supervise(troupe::one_for_one{}, {troupe::child("ada", player).under(all.via("ada"))}),
      matchers::ContainsSubstring("is taken by " + troupe::to_string(holder)));
  CHECK(all.count() == 1);
}

TEST_CASE("who listens is told of each change in its order and of an end before its down") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    const auto ref = all.listen(self);
    const auto p = self.spawn_with({.monitor = true, .under = all.via("ada", 4)}, player);
    all.register_as(self, "me", 5);
    all.unregister(self, "me");
    self.exit(p.id, exit_reason::kill);
    std::string told;
    for (int i = 0; i < 5; ++i)
      co_await self.receive(
          [&](const players::registered& r) {
            CHECK(r.ref == ref);
            CHECK(r.process == (r.key == "ada" ? p.id : self.id()));
            told += '+' + r.key + std::to_string(r.value);
          },
          [&](const players::unregistered& r) {
            CHECK(r.ref == ref);
            told += '-' + r.key;
          },
          [&](const troupe::down&) { told += '!'; });
    CHECK(told == "+ada4+me5-me-ada!");
  });
}

TEST_CASE("each entry of a duplicate key is told to who listens") {
  checked_system sys;
  const topics all(*sys);
  sys->run([&](context self) -> task<> {
    all.listen(self);
    for (const int value : {1, 2, 3}) all.register_as(self, "news", value);
    CHECK(all.unregister_if(self, "news", [](int v) { return v < 3; }) == 2);
    for (const int value : {1, 2, 3})
      CHECK((co_await self.receive<topics::registered>()).value == value);
    for (int i = 0; i < 2; ++i) (void)co_await self.receive<topics::unregistered>();
    CHECK_FALSE(co_await self.receive_within<topics::unregistered>(0ns));
  });
}

TEST_CASE("who no longer listens sees nothing more and not what has come before") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    const auto ref = all.listen(self);
    const auto other = all.listen(self);
    all.register_as(self, "ada");
    CHECK(all.unlisten(self, ref));
    CHECK_FALSE(all.unlisten(self, ref));
    all.unregister(self, "ada");
    CHECK((co_await self.receive<players::registered>()).ref == other);
    CHECK((co_await self.receive<players::unregistered>()).ref == other);
    CHECK_FALSE(co_await self.receive_within<players::registered>(0ns));
    CHECK_FALSE(co_await self.receive_within<players::unregistered>(0ns));
  });
}

TEST_CASE("who has listened and ended is forgotten") {
  checked_system sys;
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    const auto p = self.spawn_monitor(
        [](context me, players in) -> process {
          in.listen(me);
          in.register_as(me, "ada");
          co_return;
        },
        all);
    CHECK((co_await self.receive<troupe::down>()).from == p.id);
    const auto before = self.system().counts().messages_dropped;
    all.register_as(self, "bob");
    CHECK(self.system().counts().messages_dropped == before);
  });
}

TEST_CASE("all who listen are told in one order") {
  checked_system sys({.workers = 4});
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    constexpr int changes = 400;
    struct story {
      std::vector<std::string> told;
    };
    for (int l = 0; l < 3; ++l)
      self.spawn(
          [](context me, players of, pid report) -> process {
            of.listen(me);
            me.send(report, hit{0});
            story s;
            while (s.told.size() < changes)
              co_await me.receive([&](players::registered r) { s.told.push_back('+' + r.key); },
                                  [&](players::unregistered r) { s.told.push_back('-' + r.key); });
            me.send(report, std::move(s));
          },
          all, self.id());
    for (int l = 0; l < 3; ++l) (void)co_await self.receive<hit>();
    for (int w = 0; w < 4; ++w)
      self.spawn(
          [](context me, players in, std::string key) -> process {
            for (int i = 0; i < changes / 8; ++i) {
              in.register_as(me, key);
              co_await me.yield();
              in.unregister(me, key);
            }
          },
          all, std::to_string(w));
    const story first = co_await self.receive<story>();
    for (int l = 1; l < 3; ++l) CHECK((co_await self.receive<story>()).told == first.told);
  });
}

TEST_CASE("copies are one registry and registries of the same type are not") {
  checked_system sys;
  const players all(*sys), others(*sys);
  const players copy = all;
  sys->run([&](context self) -> task<> {
    all.register_as(self, "ada");
    CHECK(copy.whereis("ada") == self.id());
    CHECK_FALSE(others.whereis("ada"));
    co_return;
  });
}

TEST_CASE("a registry may go before the processes that are in it") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    {
      const players all(*sys);
      all.register_as(self, "ada");
      all.listen(self);
      self.spawn_with({.under = all.via("bob")}, player);
    }
    co_return;
  });
}

struct seat {
  int row;
  int number;
  friend bool operator==(const seat&, const seat&) = default;
};

}  // namespace

template <>
struct std::hash<seat> {
  std::size_t operator()(const seat& s) const noexcept {
    return std::hash<int>()(s.row * 100 + s.number);
  }
};

namespace {

TEST_CASE("any value that has a hash can be a key") {
  checked_system sys;
  const registry<seat> seats(*sys);
  const pid holder = sys->spawn_with({.under = seats.via({3, 4})}, player);
  CHECK(seats.whereis({3, 4}) == holder);
  CHECK_FALSE(seats.whereis({4, 3}));
  CHECK_THROWS_WITH(sys->spawn_with({.under = seats.via({3, 4})}, player),
                    matchers::ContainsSubstring("seat{3, 4}"));
}

TEST_CASE("a process of another system is refused") {
  checked_system sys, other;
  const players all(*sys);
  other->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(all.register_as(self, "ada"), matchers::ContainsSubstring("another system"));
    CHECK_THROWS_AS(all.listen(self), std::logic_error);
    co_return;
  });
}

TEST_CASE("of many processes that want one key one at a time has it") {
  checked_system sys({.workers = 4});
  const players all(*sys);
  sys->run([&](context self) -> task<> {
    std::atomic<int> inside{0}, too_many{0};
    constexpr int rivals = 8;
    for (int r = 0; r < rivals; ++r)
      self.spawn(
          [&](context me, pid report) -> process {
            int times = 0;
            for (int i = 0; i < 200; ++i) {
              if (!all.try_register_as(me, "throne")) {
                if (++inside != 1) ++too_many;
                if (i % 10 == 0) co_await me.yield();
                --inside;
                all.unregister(me, "throne");
                ++times;
              }
              co_await me.yield();
            }
            me.send(report, hit{times});
          },
          self.id());
    int sum = 0;
    for (int r = 0; r < rivals; ++r) sum += (co_await self.receive<hit>()).by;
    CHECK(too_many == 0);
    CHECK(sum >= 200);  // the key is never lost: somebody wins each round
  });
}

// Many come and go under a few keys, by their return, by a kill, in the middle of it, while others
// read; whoever is seen to have ended is not found any more.
TEST_CASE("processes come and go while others read and nothing stale is left", "[threads]") {
  checked_system sys({.workers = 4});
  const topics shared(*sys);
  const registry<int> own(*sys);
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> stale{0}, reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r)
    readers.emplace_back([&, r] {
      while (!over) {
        for (const auto& e : shared.lookup("all"))
          if (e.value < 0 || !e.process) ++stale;
        if (const pid p = own.whereis(r); p && own.keys(p).size() > 1) ++stale;
        if (shared.all().size() > 100) ++stale;
        ++reads;
      }
    });
  sys->run([&](context self) -> task<> {
    for (int round = 0; round < 300 || reads < 100; ++round) {
      std::vector<troupe::monitored> made;
      for (int i = 0; i < 16; ++i)
        made.push_back(self.spawn_with(
            {.monitor = true, .under = own.via(round * 16 + i)},
            [&](context me, int n) -> process {
              shared.register_as(me, "all", n);
              if (n % 4 == 0) co_return;
              shared.register_as(me, std::to_string(n), n);
              if (n % 4 == 1) shared.listen(me);
              if (n % 4 == 2) co_await me.yield();
              if (n % 4 != 2) co_await me.receive<hit>();
            },
            i));
      for (const auto& m : made) self.exit(m.id, exit_reason::kill);
      for (std::size_t i = 0; i < made.size(); ++i) {
        const auto ended = co_await self.receive<troupe::down>();
        if (!own.keys(ended.from).empty() || !shared.keys(ended.from).empty()) ++stale;
        for (const auto& e : shared.lookup("all"))
          if (e.process == ended.from) ++stale;
      }
    }
  });
  over = true;
  for (auto& r : readers) r.join();
  CHECK(stale == 0);
  CHECK(own.count() == 0);
  CHECK(shared.count() == 0);
  CHECK(shared.all().empty());
}

}  // namespace
