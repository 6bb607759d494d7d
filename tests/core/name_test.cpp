// The registry of names on one node. (erlang:register/2, whereis/1, unregister/1.)
#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct number {
  int value;
};

}  // namespace

TEST_CASE(
    "a registered process is found by its name, from inside and outside, until it gives it up") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    CHECK(!self.whereis("me"));
    self.register_as("me");
    CHECK(self.whereis("me") == self.id());
    CHECK(sys->whereis("me") == self.id());
    CHECK(!self.whereis("m"));
    CHECK(self.system().counts().names == 1);
    self.unregister("me");
    CHECK(!self.whereis("me"));
    CHECK(self.system().counts().names == 0);
    co_return;
  });
}

TEST_CASE("a message sent by name reaches its holder, in order with those sent by pid") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.register_as("me");
    self.send("me", number{0});
    self.send(self.id(), number{1});
    self.send(std::string("me"), number{2});
    self.system().send("me", number{3});
    for (int i = 0; i < 4; ++i) CHECK((co_await self.receive<number>()).value == i);
  });
}

TEST_CASE("a taken name is refused with a text that names it and its holder") {
  checked_system sys;
  const pid holder = sys->spawn_with({.name = "accounts"}, idler);
  const auto says =
      matchers::ContainsSubstring("the name accounts is taken by " + troupe::to_string(holder));
  CHECK_THROWS_WITH(sys->spawn_with({.name = "accounts"}, idler), says);
  sys->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(self.register_as("accounts"), says);
    CHECK_THROWS_WITH(self.spawn_with({.name = "accounts"}, idler), says);
    try {
      self.register_as("accounts");
    } catch (const troupe::name_taken& e) {
      CHECK(e.holder() == holder);
    }
    self.unregister("accounts");  // it is not its own
    CHECK(self.whereis("accounts") == holder);
    co_return;
  });
  sys.await_counts({.processes = 1, .names = 1});
}

TEST_CASE("a process may have several names, and none twice") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.register_as("one");
    self.register_as("two");
    CHECK_THROWS_AS(self.register_as("one"), troupe::name_taken);
    self.unregister("one");
    CHECK(!self.whereis("one"));
    CHECK(self.whereis("two") == self.id());
    self.register_as("one");
    CHECK(self.whereis("one") == self.id());
    co_return;
  });
  CHECK(!sys->whereis("one"));
  CHECK(!sys->whereis("two"));
}

TEST_CASE("an empty name is refused, and giving up a name that nobody has is no error") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    CHECK_THROWS_WITH(self.register_as(""), matchers::ContainsSubstring("must not be empty"));
    self.unregister("");
    self.unregister("nobody");
    co_return;
  });
}

TEST_CASE("a message to a name that nobody has is dropped and counted") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto before = self.system().counts().messages_dropped;
    self.send("nobody", number{1});
    self.system().send("nobody", number{2});
    self.send(pid{}, number{3});
    CHECK(self.system().counts().messages_dropped == before + 3);
    co_return;
  });
}

TEST_CASE("a name is free before the end of its holder is seen, by link, by monitor or by call") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 600; ++i) {
      const bool linked = i % 3 == 0, watched = i % 3 == 1;
      const pid holder =
          self.spawn_with({.name = "server", .link = linked, .monitor = watched},
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
      CHECK(!self.whereis("server"));
    }
  });
}

TEST_CASE("of many processes that want one name, one at a time has it") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    struct won {
      int times;
    };
    std::atomic<int> inside{0}, too_many{0};
    constexpr int rivals = 16;
    for (int r = 0; r < rivals; ++r)
      self.spawn(
          [&](context me, pid report) -> process {
            int times = 0;
            for (int i = 0; i < 500; ++i) {
              try {
                me.register_as("throne");
                if (++inside != 1) ++too_many;
                if (i % 10 == 0) co_await me.yield();
                --inside;
                me.unregister("throne");
                ++times;
              } catch (const troupe::name_taken&) {
              }
              co_await me.yield();
            }
            me.send(report, won{times});
          },
          self.id());
    int all = 0;
    for (int r = 0; r < rivals; ++r) all += (co_await self.receive<won>()).times;
    CHECK(too_many == 0);
    CHECK(all >= 500);  // the name is never lost: somebody wins each round
  });
}

TEST_CASE("a registered name outlives nothing: a process that is killed loses all its names") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn_monitor([](context me) -> process {
      for (int i = 0; i < 100; ++i) me.register_as("name" + std::to_string(i));
      for (;;) co_await me.receive([](troupe::request<are_you_there> r) { r.reply(); });
    });
    co_await self.call(p.id, are_you_there{});
    CHECK(self.system().counts().names == 100);
    self.exit(p.id, exit_reason::kill);
    (void)co_await self.receive<troupe::down>();
    CHECK(self.system().counts().names == 0);
  });
}
