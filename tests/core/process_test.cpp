#include "core/support.hpp"

#include <set>

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct value_of {
  using reply = int;
};
struct set_to {
  int value;
};

process cell(context self, int value) {
  for (;;)
    co_await self.receive([&](set_to s) { value = s.value; },
                          [&](troupe::request<value_of> r) { r.reply(value); });
}

process takes_unique(context self, std::unique_ptr<int> owned, pid report_to) {
  self.send(report_to, set_to{*owned});
  co_return;
}

struct callable {
  process operator()(context self, pid to) const {
    self.send(to, set_to{start});
    co_return;
  }
  int start;
};

}  // namespace

TEST_CASE("a process function runs with its arguments and answers") {
  checked_system sys;
  const pid c = sys->spawn(cell, 5);
  CHECK(sys->call(c, value_of{}) == 5);
  sys->send(c, set_to{6});
  CHECK(sys->call(c, value_of{}) == 6);
}

TEST_CASE("arguments are moved into the process") {
  checked_system sys;
  const int got = sys->run([](context self) -> task<int> {
    self.spawn(takes_unique, std::make_unique<int>(7), self.id());
    co_return (co_await self.receive<set_to>()).value;
  });
  CHECK(got == 7);
}

TEST_CASE("a closure's captures live as long as its process and are destroyed with it") {
  std::atomic<int> living{0};
  checked_system sys;
  sys->run([&](context self) -> task<> {
    pid p;
    {
      tracked held(living);
      p = self.spawn([held, text = std::string(100, 'x')](context me) -> process {
        for (;;) {
          auto r = co_await me.receive<troupe::request<value_of>>();
          r.reply(static_cast<int>(text.size()) + held.count->load());
        }
      });
    }
    CHECK(co_await self.call(p, value_of{}) == 101);
    self.exit(p, exit_reason::kill);
    (void)co_await end_of(self, p);
  });
  CHECK(living == 0);
}

TEST_CASE("a function object with state is copied into its process") {
  checked_system sys;
  const int got = sys->run([](context self) -> task<int> {
    callable object{9};
    self.spawn(object, self.id());
    object.start = 0;
    co_return (co_await self.receive<set_to>()).value;
  });
  CHECK(got == 9);
}

TEST_CASE("a closure of a process that could not start is destroyed") {
  std::atomic<int> living{0};
  checked_system sys;
  const pid holder = sys->spawn_with({.name = "taken"}, idler);
  CHECK_THROWS_AS(sys->spawn_with({.name = "taken"},
                                  [held = tracked(living)](context) -> process { co_return; }),
                  troupe::name_taken);
  CHECK(living == 0);
  CHECK(sys->whereis("taken") == holder);
}

TEST_CASE("a process knows itself, its parent and its system") {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    struct family {
      pid own, parent;
      bool same_system;
    };
    const pid child = self.spawn([system = &*sys](context me) -> process {
      me.send(me.parent(), family{me.id(), me.parent(), &me.system() == system});
      co_return;
    });
    const family f = co_await self.receive<family>();
    CHECK(f.own == child);
    CHECK(f.parent == self.id());
    CHECK(f.same_system);
    CHECK(!context::current().parent());
  });
}

TEST_CASE("a process that returns ends with normal") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto child = self.spawn_monitor([](context) -> process { co_return; });
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == child.ref);
    CHECK(d.from == child.id);
    CHECK(d.reason == exit_reason::normal);
  });
}

TEST_CASE("a full process table refuses the next spawn with a text that says what to raise") {
  checked_system sys({.workers = 2, .max_processes = 50});
  std::vector<pid> made;
  for (int i = 0; i < 50; ++i) made.push_back(sys->spawn(idler));
  CHECK_THROWS_WITH(sys->spawn(idler), matchers::ContainsSubstring("all 50 are taken") &&
                                           matchers::ContainsSubstring("max_processes"));
  // When one has ended there is room for one again, wherever it ran and whoever spawns.
  for (int round = 0; round < 200; ++round) {
    sys->exit(made.back(), exit_reason::kill);
    sys.await_counts({.processes = 49});
    made.back() = sys->spawn(idler);
    CHECK_THROWS(sys->spawn(idler));
  }
}

TEST_CASE("a system whose table is full can still be stopped") {
  troupe::system sys({.workers = 1, .max_processes = 3});
  for (int i = 0; i < 3; ++i) sys.spawn(idler);
  CHECK_THROWS(sys.spawn(idler));
}

TEST_CASE("a pid of the past never reaches the process that has its slot now") {
  checked_system sys({.workers = 1, .max_processes = 8});
  sys->run([&](context self) -> task<> {
    std::set<pid> past;
    for (int i = 0; i < 5000; ++i) {
      const auto p =
          self.spawn_monitor([](context me) -> process { (void)co_await me.receive<set_to>(); });
      CHECK(past.insert(p.id).second);
      for (const pid old : past)
        if (old != p.id && past.size() < 40) {
          self.send(old, set_to{1});
          self.exit(old, exit_reason::of(1));
          CHECK(!self.system().alive(old));
        }
      self.exit(p.id, exit_reason::shutdown);
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.reason == exit_reason::shutdown);
    }
  });
}

TEST_CASE("a process that is killed is destroyed where it waits, in all its nested tasks") {
  std::atomic<int> living{0};
  checked_system sys;
  struct place {
    const char* name;
    task<> (*wait)(context self, pid partner);
  };
  const place places[] = {
      {"receive", [](context self, pid) -> task<> { (void)co_await self.receive<set_to>(); }},
      {"receive with a limit",
       [](context self, pid) -> task<> { (void)co_await self.receive_within<set_to>(1h); }},
      {"sleep", [](context self, pid) -> task<> { co_await self.sleep(1h); }},
      {"call", [](context self, pid p) -> task<> { (void)co_await self.call(p, value_of{}, 1h); }},
      {"yield",
       [](context self, pid) -> task<> {
         for (;;) co_await self.yield();
       }},
      {"a handler that is a task",
       [](context self, pid) -> task<> {
         self.send(self, set_to{1});
         co_await self.receive([self](set_to) -> task<> { co_await self.sleep(1h); });
       }},
  };
  for (const place& p : places) {
    INFO(p.name);
    sys->run([&](context self) -> task<> {
      struct started {};
      const pid silent = self.spawn(idler);  // skips requests of value_of without an answer
      const pid partner =
          self.spawn([](context me) -> process { (void)co_await me.receive<troupe::down>(); });
      const pid victim = self.spawn(
          [&living, &p, partner](context me, pid report) -> process {
            const tracked outer(living);
            const auto inner = [&]() -> task<> {
              const tracked local(living);
              me.send(report, started{});
              co_await p.wait(me, partner);
            };
            co_await inner();
          },
          self.id());
      (void)co_await self.receive<started>();
      (void)self.monitor(victim);
      self.exit(victim, exit_reason::kill);
      CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::killed);
      self.exit(silent, exit_reason::kill);
      self.exit(partner, exit_reason::kill);
    });
    CHECK(living == 0);
  }
}

TEST_CASE("a destructor may still ask for the parent and send to it, however the process ends") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct farewell {};
    struct guard {
      context me;
      ~guard() { me.send(me.parent(), farewell{}); }
    };
    const pid child = self.spawn([](context me) -> process {
      const guard last{me};
      me.send(me.parent(), set_to{1});
      co_await me.sleep(1h);
    });
    (void)co_await self.receive<set_to>();
    self.exit(child, exit_reason::kill);
    (void)co_await self.receive<farewell>();
    (void)self.spawn([](context me) -> process {
      const guard last{me};
      co_return;
    });
    (void)co_await self.receive<farewell>();
  });
}

TEST_CASE("an awaited task gives its result, or throws what left it") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto twice = [](context me, int n) -> task<int> {
      co_await me.yield();
      if (n < 0) throw std::invalid_argument("negative");
      co_return 2 * n;
    };
    CHECK(co_await twice(self, 4) == 8);
    CHECK_THROWS_AS(co_await twice(self, -1), std::invalid_argument);
  });
}

TEST_CASE("tasks may be nested deeply without using the stack") {
  checked_system sys;
  struct deep {
    static task<int> down(context self, int n) {
      if (n == 0) {
        co_await self.yield();
        co_return 0;
      }
      co_return 1 + co_await down(self, n - 1);
    }
  };
  CHECK(sys->run([](context self) -> task<int> { co_return co_await deep::down(self, 1000); }) ==
        1000);
}

TEST_CASE("what a process sends to itself it receives, in order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.send(self, set_to{1});
    self.send(self.id(), set_to{2});
    CHECK((co_await self.receive<set_to>()).value == 1);
    CHECK((co_await self.receive<set_to>()).value == 2);
  });
}

TEST_CASE("a link or monitor from outside a process is refused") {
  checked_system sys;
  CHECK_THROWS_WITH(sys->spawn_with({.link = true}, idler),
                    matchers::ContainsSubstring("from outside there is none"));
  CHECK_THROWS_AS(sys->spawn_with({.monitor = true}, idler), std::invalid_argument);
}

TEST_CASE("100,000 processes live at once and each answers", "[threads]") {
  checked_system sys;
  const long long sum = sys->run([](context self) -> task<long long> {
    std::vector<pid> all;
    for (int i = 0; i < 100'000; ++i) all.push_back(self.spawn(cell, i));
    long long total = 0;
    for (const pid p : all) total += co_await self.call(p, value_of{});
    co_return total;
  });
  CHECK(sum == 100'000LL * 99'999 / 2);
}
