#include "core/support.hpp"

#include <deque>

using namespace troupe_test;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

struct twice {
  using reply = int;
  int value;
};
struct hold {
  using reply = std::string;
};
struct let_go {
  std::string text;
};
struct note {
  int value;
};

process doubler(context self) {
  for (;;) co_await self.receive([](request<twice> r) { r.reply(2 * r->value); });
}

// Keeps requests until it is told to answer them.
process holder(context self) {
  std::deque<request<hold>> held;
  for (;;)
    co_await self.receive([&](request<hold> r) { held.push_back(std::move(r)); },
                          [&](let_go l) {
                            held.front().reply(l.text);
                            held.pop_front();
                          },
                          [](request<are_you_there> r) { r.reply(); });
}

// Why a call fails.
template <class T>
task<exit_reason> failure_of(context self, troupe::destination to, T body,
                             std::chrono::nanoseconds timeout = 10s) {
  try {
    (void)co_await self.call(to, std::move(body), timeout);
  } catch (const call_error& e) {
    co_return e.reason();
  }
  co_return exit_reason::normal;
}

bool is_error(const exit_reason& r, std::string_view type) {
  return r.what() == exit_reason::kind::error && r.type() == type;
}

}  // namespace

TEST_CASE("a call gives the reply, inside a process and from outside") {
  checked_system sys;
  const pid d = sys->spawn(doubler);
  CHECK(sys->call(d, twice{21}) == 42);
  CHECK(sys->run([&](context self) -> task<int> { co_return co_await self.call(d, twice{4}); }) ==
        8);
}

TEST_CASE("a call of void answers with nothing") {
  checked_system sys;
  const pid p = sys->spawn(idler);
  sys->call(p, are_you_there{});
  sys->run([&](context self) -> task<> { co_await self.call(p, are_you_there{}); });
}

TEST_CASE("a call by name reaches the holder of the name, and nobody is noproc") {
  checked_system sys;
  sys->spawn_with({.name = "doubler"}, doubler);
  CHECK(sys->call("doubler", twice{3}) == 6);
  CHECK_THROWS_WITH(sys->call("nobody", twice{3}),
                    matchers::ContainsSubstring("twice to nobody got no answer: noproc"));
}

TEST_CASE("a call to a process that has ended, or to none, is noproc at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto gone = self.spawn_monitor([](context) -> process { co_return; });
    (void)co_await self.receive<troupe::down>();
    CHECK(co_await failure_of(self, gone.id, twice{1}, troupe::infinity) == exit_reason::noproc);
    CHECK(co_await failure_of(self, pid{}, twice{1}, troupe::infinity) == exit_reason::noproc);
  });
}

TEST_CASE("a call ends with the callee's reason when the callee dies instead of answering") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct ending {
      const char* name;
      process (*body)(context);
      exit_reason reason;
    };
    const ending endings[] = {
        {"returns while it holds the request",
         [](context me) -> process {
           auto r = co_await me.receive<request<twice>>();
           (void)r;
         },
         exit_reason::normal},
        {"exits while it holds the request",
         [](context me) -> process {
           auto r = co_await me.receive<request<twice>>();
           (void)r;
           me.exit(exit_reason::of(5));
         },
         exit_reason::of(5)},
        {"throws in the handler",
         [](context me) -> process {
           co_await me.receive([](request<twice>) { throw std::runtime_error("broken"); });
         },
         exit_reason::error("std::runtime_error", "broken")},
        {"throws in a handler that is a task",
         [](context me) -> process {
           co_await me.receive([me](request<twice>) -> task<> {
             co_await me.yield();
             throw std::runtime_error("broken");
           });
         },
         exit_reason::error("std::runtime_error", "broken")},
        {"never takes the request",
         [](context me) -> process { (void)co_await me.receive<note>(); }, exit_reason::normal},
        {"is killed while it holds the request",
         [](context me) -> process {
           auto r = co_await me.receive<request<twice>>();
           me.exit(me, exit_reason::kill);
           co_await me.sleep(1h);
           r.reply(0);
         },
         exit_reason::killed},
        {"is killed in a handler that is a task",
         [](context me) -> process {
           co_await me.receive([me](request<twice> r) -> task<> {
             me.exit(me, exit_reason::kill);
             co_await me.sleep(1h);
             r.reply(0);
           });
         },
         exit_reason::killed},
    };
    for (const ending& e : endings) {
      INFO(e.name);
      const pid callee = self.spawn(e.body);
      auto pending = self.send_request(callee, twice{1}, troupe::infinity);
      self.send(callee, note{0});
      auto answer = co_await pending;
      REQUIRE(!answer);
      CHECK(answer.reason() == e.reason);
    }
  });
}

TEST_CASE(
    "a request that is destroyed unanswered tells its caller no_reply, and the callee lives") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid callee = self.spawn([](context me) -> process {
      for (int i = 0;; ++i)
        co_await me.receive([&](request<twice> r) {
          if (i == 1) r.reply(1);
        });
    });
    CHECK(is_error(co_await failure_of(self, callee, twice{1}), "troupe::no_reply"));
    CHECK(co_await self.call(callee, twice{1}) == 1);
  });
}

TEST_CASE("a request inside a message that nobody takes tells its caller how the receiver ended") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct job {
      request<twice> asked;
    };
    const pid worker = self.spawn([](context me) -> process {
      (void)co_await me.receive<note>();
      me.exit(exit_reason::of(7));
    });
    const pid front = self.spawn([worker](context me) -> process {
      me.send(worker, job{co_await me.receive<request<twice>>()});
      me.send(worker, note{0});
    });
    auto answer = co_await self.try_call(front, twice{1}, troupe::infinity);
    REQUIRE(!answer);
    CHECK(answer.reason() == exit_reason::of(7));
  });
}

TEST_CASE("a request whose handler threw an exception that was caught tells its caller no_reply") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid callee = self.spawn([](context me) -> process {
      for (;;) {
        try {
          co_await me.receive([](request<twice>) { throw std::runtime_error("caught below"); },
                              [](request<hold> r) { r.reply("fine"); });
        } catch (const std::runtime_error&) {
        }
      }
    });
    CHECK(is_error(co_await failure_of(self, callee, twice{1}), "troupe::no_reply"));
    CHECK(co_await self.call(callee, hold{}) == "fine");
  });
}

TEST_CASE("answering twice is an error of the callee, and the caller has the first answer") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto callee = self.spawn_monitor([](context me) -> process {
      co_await me.receive([](request<twice> r) {
        r.reply(1);
        r.reply(2);
      });
    });
    CHECK(co_await self.call(callee.id, twice{1}) == 1);
    const auto d = co_await self.receive<troupe::down>();
    CHECK(is_error(d.reason, "std::logic_error"));
    CHECK_THAT(std::string(d.reason.text()), matchers::ContainsSubstring("answered before"));
  });
}

TEST_CASE("fail ends a call with the reason given, and counts as the answer") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid callee = self.spawn([](context me) -> process {
      for (;;)
        co_await me.receive([](request<twice> r) { r.fail(exit_reason::of(std::string("busy"))); });
    });
    CHECK(co_await failure_of(self, callee, twice{1}) == exit_reason::of(std::string("busy")));
  });
}

TEST_CASE("a request may be kept and answered later") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid h = self.spawn(holder);
    auto first = self.send_request(h, hold{});
    auto second = self.send_request(h, hold{});
    self.send(h, let_go{"one"});
    self.send(h, let_go{"two"});
    auto b = co_await second;
    auto a = co_await first;
    REQUIRE(a);
    REQUIRE(b);
    CHECK(*a == "one");
    CHECK(*b == "two");
  });
}

TEST_CASE("a call without an answer in time fails with timeout, never early") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid h = self.spawn(holder);
    const auto before = self.now();
    CHECK(is_error(co_await failure_of(self, h, hold{}, 2ms), "troupe::timeout"));
    CHECK(self.now() - before >= 2ms);
  });
}

TEST_CASE("a reply that comes too late is dropped before the mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid h = self.spawn(holder);
    CHECK(is_error(co_await failure_of(self, h, hold{}, 1ms), "troupe::timeout"));
    self.send(h, let_go{"late"});
    co_await self.call(h, are_you_there{});  // the late reply has been sent by now
    // A next call does not get it, and no receive sees anything.
    CHECK(is_error(co_await failure_of(self, h, hold{}, 1ms), "troupe::timeout"));
    const bool anything = co_await self.receive([](troupe::message) { return true; },
                                                troupe::after(0ms, [] { return false; }));
    CHECK(!anything);
  });
}

TEST_CASE("a request whose caller has given up is skipped") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct go {};
    const pid callee = self.spawn([](context me) -> process {
      (void)co_await me.receive<go>();  // the requests wait meanwhile
      int served = 0;
      for (;;) co_await me.receive([&](request<twice> r) { r.reply(++served); });
    });
    CHECK(is_error(co_await failure_of(self, callee, twice{1}, 1ms), "troupe::timeout"));
    CHECK(is_error(co_await failure_of(self, callee, twice{1}, 1ms), "troupe::timeout"));
    self.send(callee, go{});
    CHECK(co_await self.call(callee, twice{1}) == 1);
  });
}

TEST_CASE("calls made while a request is served have no more time than its caller") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid never = self.spawn(holder);
    struct deadlines {
      troupe::steady_time outer;
      bool inner_timed_out;
    };
    const pid middle = self.spawn(
        [never](context me, pid report) -> process {
          for (;;) {
            auto r = co_await me.receive<request<twice>>();
            const bool timed_out =
                is_error(co_await failure_of(me, never, hold{}, 1h), "troupe::timeout");
            me.send(report, deadlines{r.deadline(), timed_out});
          }
        },
        self.id());
    std::optional<deadlines> seen;
    while (!seen) {  // on a busy machine the time may be over before the request is taken up
      auto answer = co_await self.try_call(middle, twice{1}, 3ms);
      CHECK(!answer);
      seen = co_await self.receive_within<deadlines>(100ms);
    }
    CHECK(seen->inner_timed_out);
    CHECK(self.now() >= seen->outer);
  });
}

TEST_CASE("the deadline of a request that has been answered does not bound later calls") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid d = self.spawn(doubler);
    struct result {
      int value;
    };
    const pid middle = self.spawn(
        [d](context me, pid report) -> process {
          auto r = co_await me.receive<request<twice>>();
          const auto deadline = r.deadline();
          r.reply(0);
          while (me.now() < deadline) co_await me.sleep(1ms);
          me.send(report, result{co_await me.call(d, twice{4})});
        },
        self.id());
    CHECK(co_await self.call(middle, twice{1}, 200ms) == 0);
    CHECK((co_await self.receive<result>()).value == 8);
  });
}

TEST_CASE("several requests may be under way, and are answered in any order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    std::vector<troupe::pending_reply<twice>> all;
    for (int i = 0; i < 100; ++i) all.push_back(self.send_request(self.spawn(doubler), twice{i}));
    for (std::size_t i = all.size(); i-- > 0;) {
      auto answer = co_await all[i];
      REQUIRE(answer);
      CHECK(*answer == 2 * static_cast<int>(i));
    }
  });
}

TEST_CASE("the reply of a request that was let go is dropped") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid d = self.spawn(doubler);
    {
      auto dropped = self.send_request(d, twice{1});
    }
    CHECK(co_await self.call(d, twice{2}) == 4);
  });
}

TEST_CASE("a request type that is sent, not called, can be taken and its reply goes nowhere") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.send(self, twice{3});
    CHECK((co_await self.receive<twice>()).value == 3);
  });
}

TEST_CASE("a call from outside throws when there is no answer") {
  checked_system sys;
  const pid h = sys->spawn(holder);
  CHECK_THROWS_WITH(sys->call(h, hold{}, 1ms), matchers::ContainsSubstring("troupe::timeout"));
  CHECK_THROWS_AS(sys->call(pid{}, hold{}), call_error);
}

TEST_CASE("a call that waits on a thread is refused inside a process, which says what to write") {
  checked_system sys;
  const pid d = sys->spawn(doubler);
  sys->run([&](context self) -> task<> {
    CHECK_THROWS_WITH(self.system().call(d, twice{1}),
                      matchers::ContainsSubstring("co_await self.call"));
    CHECK_THROWS_AS(self.system().run([](context) -> task<> { co_return; }), std::logic_error);
    co_return;
  });
}

TEST_CASE("a thread of the blocking pool may call into the system") {
  checked_system sys;
  const pid d = sys->spawn(doubler);
  sys->run([&](context self) -> task<> {
    troupe::system& system = self.system();
    CHECK(co_await self.blocking([&] { return system.call(d, twice{5}); }) == 10);
  });
}

TEST_CASE("a process that runs for system::run and is killed makes run throw") {
  checked_system sys;
  CHECK_THROWS_WITH(sys->run([](context self) -> task<int> {
    self.exit(self, exit_reason::kill);
    co_await self.sleep(1h);
    co_return 1;
  }),
                    matchers::ContainsSubstring("before it had a result"));
  CHECK_THROWS_WITH(sys->run([](context) -> task<> {
    throw std::runtime_error("its own");
    co_return;
  }),
                    "its own");
}

TEST_CASE("many callers of one process all get their own answer") {
  checked_system sys({.workers = 4});
  sys->run([](context self) -> task<> {
    const pid d = self.spawn(doubler);
    struct wrong {
      int count;
    };
    constexpr int callers = 50;
    for (int c = 0; c < callers; ++c)
      self.spawn(
          [d](context me, pid report, int from) -> process {
            int bad = 0;
            for (int i = 0; i < 200; ++i)
              if (co_await me.call(d, twice{from + i}) != 2 * (from + i)) ++bad;
            me.send(report, wrong{bad});
          },
          self.id(), c * 1000);
    for (int c = 0; c < callers; ++c) CHECK((co_await self.receive<wrong>()).count == 0);
  });
}
