#include <troupe/async.hpp>

#include "core/support.hpp"

#include <algorithm>
#include <functional>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::async;
using troupe::async_nolink;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::messages;
using troupe::pending_result;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct go {};
struct here {
  pid who;
};
struct get {
  using reply = int;
};

int twice(int n) { return 2 * n; }
task<int> sum_after_yield(context self, int a, int b) {
  co_await self.yield();
  co_return a + b;
}
// Gives its number once it is told to go.
task<int> when_told(context self, int number) {
  (void)co_await self.receive<go>();
  co_return number;
}
task<int> fail_when_told(context self, std::string text) {
  (void)co_await self.receive<go>();
  throw std::runtime_error(text);
}
task<> never_ends(context self) {
  (void)co_await self.receive<go>([](const go&) { return false; });
}
process silent_process(context self) { co_await never_ends(self); }
// Is told to end and gives a result all the same.
task<int> stubborn(context self, pid owner, int number) {
  self.trap_exits(true);
  self.send(owner, here{self});
  (void)co_await self.receive<exit_signal>();
  if (number == 0) (void)co_await self.receive<go>();
  co_return number;
}

const exit_reason timed_out =
    exit_reason::error("troupe::timeout", "it is not through within the time allowed");
const exit_reason disk_full = exit_reason::error("std::runtime_error", "disk full");

// Why a task failed.
template <class R>
task<exit_reason> failure_of(pending_result<R>& t) {
  try {
    co_await t;
  } catch (const call_error& e) {
    co_return e.reason();
  }
  co_return exit_reason::normal;
}

using task_supervisor =
    decltype(std::declval<troupe::system&>().supervise(troupe::dynamic{}, troupe::tasks()));

}  // namespace

TEST_CASE("a function runs in a task of its own and its result is awaited") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto plain = async(self, twice, 21);
    auto coroutine = async(self, sum_after_yield, 1, 2);
    auto with_context = async(self, [](context me) { return me.id(); });
    auto deferred = async(self, [](int n) -> task<std::string> { co_return std::to_string(n); }, 5);
    const pid other = plain.process();
    CHECK(other != self.id());
    CHECK(co_await plain == 42);
    CHECK(co_await coroutine == 3);
    const pid told = co_await with_context;
    CHECK(told == with_context.process());
    CHECK(co_await deferred == "5");
  });
  sys.await_counts({});
}

TEST_CASE("a task without a value is awaited until it is through") {
  checked_system sys;
  std::atomic<int> done{0};
  sys->run([&](context self) -> task<> {
    auto plain = async(self, [&] { ++done; });
    auto coroutine = async(self, [&](context me) -> task<> {
      co_await me.yield();
      ++done;
    });
    co_await plain;
    co_await coroutine;
    CHECK(done == 2);
  });
}

TEST_CASE("arguments and results that can only be moved travel") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(
        self,
        [](std::unique_ptr<int> n) {
          ++*n;
          return n;
        },
        std::make_unique<int>(1));
    const std::unique_ptr<int> n = co_await t;
    CHECK(*n == 2);
  });
}

TEST_CASE("the captures of a task's function live as long as it and not longer") {
  checked_system sys;
  std::atomic<int> living{0};
  sys->run([&](context self) -> task<> {
    auto t = async(self, [kept = tracked(living)](context me) -> task<int> {
      co_await me.yield();
      co_return kept.count->load();
    });
    CHECK(co_await t > 0);
    (void)co_await end_of(self, t.process());
    CHECK(living == 0);
  });
}

TEST_CASE("tasks of one process are under way at the same time") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto a = async(self, when_told, 1);
    auto b = async(
        self,
        [](context me, pid other) -> task<int> {
          me.send(other, go{});
          (void)co_await me.receive<go>();
          co_return 2;
        },
        a.process());
    CHECK(co_await a == 1);
    self.send(b.process(), go{});
    CHECK(co_await b == 2);
  });
}

TEST_CASE("what a linked task throws ends its owner with that reason") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 20; ++i) {
      const pid owner = self.spawn([](context me) -> process {
        auto t = async(me, fail_when_told, std::string("disk full"));
        me.send(t.process(), go{});
        co_await t;
      });
      CHECK(co_await end_of(self, owner) == disk_full);
    }
  });
}

TEST_CASE("what a task throws is thrown to an owner that traps exits and comes as a signal too") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    auto t = async(self, fail_when_told, std::string("disk full"));
    self.send(t.process(), go{});
    CHECK(co_await failure_of(t) == disk_full);
    const exit_signal e = co_await self.receive<exit_signal>();
    CHECK(e.from == t.process());
    CHECK(e.reason == disk_full);
  });
}

TEST_CASE("the error of a failed task names its function, its process and the cause") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    auto t = async(self, [] { throw std::out_of_range("no page 7"); });
    std::string text;
    try {
      co_await t;
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring(to_string(t.process())));
    CHECK_THAT(text, ContainsSubstring("std::out_of_range: no page 7"));
    CHECK_THAT(text, ContainsSubstring("lambda"));
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("crashed: error std::out_of_range: no page 7"));
}

TEST_CASE("a task that exits as normal without a result fails its await and nothing else") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, [](context me) -> int { me.exit(exit_reason::normal); });
    std::optional<exit_reason> why;
    try {
      (void)co_await t;
    } catch (const call_error& e) {
      why = e.reason();
    }
    REQUIRE(why);
    CHECK(*why == exit_reason::normal);
  });
}

TEST_CASE("an owner that traps exits reads nothing of a task that is through") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    auto t = async(self, twice, 1);
    CHECK(co_await t == 2);
    (void)co_await end_of(self, t.process());
    CHECK(!(co_await self.receive_within<exit_signal>(0ns)));
  });
}

TEST_CASE("an owner that is killed takes its tasks with it and their tasks too") {
  checked_system sys;
  std::atomic<int> living{0};
  sys->run([&](context self) -> task<> {
    const pid owner = self.spawn([&, to = self.id()](context me) -> process {
      auto outer = async(
          me,
          [&](context mine, pid tell) -> task<> {
            auto inner = async(mine, [&, held = tracked(living)](context deep) -> task<> {
              co_await never_ends(deep);
            });
            mine.send(tell, here{inner.process()});
            co_await inner.await(troupe::infinity);
          },
          to);
      co_await outer.await(troupe::infinity);
    });
    const here inner = co_await self.receive<here>();
    self.exit(owner, exit_reason::kill);
    (void)co_await end_of(self, owner);
    (void)co_await end_of(self, inner.who);
  });
  sys.await_counts({});
  CHECK(living == 0);
}

TEST_CASE("a handle that is destroyed ends its task and its owner reads nothing of it") {
  checked_system sys;
  std::atomic<int> living{0};
  sys->run([&](context self) -> task<> {
    self.trap_exits(true);
    {
      auto t = async(self, [held = tracked(living)](context me) { return never_ends(me); });
      (void)self.monitor(t.process());
    }
    const troupe::down ended = co_await self.receive<troupe::down>();
    CHECK(ended.reason == exit_reason::killed);
    CHECK(living == 0);
    CHECK(!(co_await self.receive_within<exit_signal>(0ns)));
  });
  CHECK(sys.log->text().empty());
}

TEST_CASE("a handle that is assigned to ends the task that it stood for") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, when_told, 1);
    const pid first = t.process();
    t = async(self, when_told, 2);
    (void)co_await end_of(self, first);
    self.send(t.process(), go{});
    CHECK(co_await t == 2);
  });
}

TEST_CASE("an await whose time is over throws and the task can be awaited again") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, when_told, 7);
    std::optional<exit_reason> why;
    try {
      (void)co_await t.await(1ms);
    } catch (const call_error& e) {
      why = e.reason();
    }
    CHECK(why == timed_out);
    self.send(t.process(), go{});
    CHECK(co_await t == 7);
  });
}

TEST_CASE("a yield gives nothing until there is a result") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, when_told, 7);
    CHECK(!(co_await t.yield(1ms)));
    CHECK(!(co_await t.yield(0ns)));
    CHECK(!t.done());
    self.send(t.process(), go{});
    auto came = co_await t.yield(troupe::infinity);
    REQUIRE(came);
    REQUIRE(came->has_value());
    CHECK(**came == 7);
  });
}

TEST_CASE("yields without a time limit in a loop let other processes run") {
  checked_system sys({.workers = 1});
  sys->run([](context self) -> task<> {
    auto t = async(self, sum_after_yield, 1, 2);
    std::optional<troupe::result<int>> came;
    while (!came) came = co_await t.yield(0ns);
    CHECK(**came == 3);
  });
}

TEST_CASE("a shutdown ends a task and gives nothing") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, when_told, 7);
    CHECK(!(co_await t.shutdown()));
    CHECK(co_await end_of(self, t.process()) == exit_reason::noproc);
  });
  sys.await_counts({});
}

TEST_CASE("a shutdown gives the result or failure that came before or in between") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    auto early = async(self, twice, 4);
    (void)co_await end_of(self, early.process());
    auto before = co_await early.shutdown();
    REQUIRE(before);
    CHECK(**before == 8);
    auto last_word = async(self, stubborn, self.id(), 5);
    (void)co_await self.receive<here>();
    auto between = co_await last_word.shutdown();
    REQUIRE(between);
    CHECK(**between == 5);
    auto failed = async(self, [] { throw std::runtime_error("disk full"); });
    (void)co_await end_of(self, failed.process());
    auto failure = co_await failed.shutdown();
    REQUIRE(failure);
    CHECK(failure->reason() == disk_full);
  });
}

TEST_CASE("a task that does not end in time is killed by shutdown and that is told") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, stubborn, self.id(), 0);
    (void)co_await self.receive<here>();
    auto came = co_await t.shutdown(1ms);
    REQUIRE(came);
    CHECK(came->reason() == exit_reason::killed);
  });
}

TEST_CASE("a shutdown without time kills at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, stubborn, self.id(), 5);
    (void)co_await self.receive<here>();
    CHECK(!(co_await t.shutdown(0ns)));
  });
}

TEST_CASE("an ignored task runs on and its failure does not reach its owner") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    pid started;
    {
      auto t = async(self, fail_when_told, std::string("disk full"));
      started = t.process();
      CHECK(!t.ignore());
    }
    CHECK(self.system().alive(started));
    self.send(started, go{});
    CHECK(co_await end_of(self, started) == disk_full);
    auto done = async(self, twice, 3);
    (void)co_await end_of(self, done.process());
    auto came = done.ignore();
    REQUIRE(came);
    CHECK(**came == 6);
  });
}

TEST_CASE("a result is taken once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, twice, 1);
    CHECK(co_await t == 2);
    CHECK_THROWS_WITH(t.take(), ContainsSubstring("was taken before"));
    std::string text;
    try {
      (void)co_await t;
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring("was taken before"));
  });
}

TEST_CASE("only the owner can use the handle of a task") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto t = async(self, when_told, 1);
    std::string text;
    auto stranger = async(self, [&](context) -> task<> {
      try {
        (void)co_await t;
      } catch (const std::logic_error& e) {
        text = e.what();
      }
    });
    co_await stranger;
    CHECK_THAT(text, ContainsSubstring("only " + to_string(self.id())));
    self.send(t.process(), go{});
    CHECK(co_await t == 1);
  });
}

TEST_CASE("many tasks are awaited together and their results keep their order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    std::vector<pending_result<int>> all;
    for (int i = 0; i < 100; ++i) all.push_back(async(self, when_told, i));
    for (std::size_t i = all.size(); i-- > 0;) self.send(all[i].process(), go{});
    const std::vector<int> results = co_await await_many(all);
    REQUIRE(results.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(results[static_cast<std::size_t>(i)] == i);
    std::vector<pending_result<int>> none;
    CHECK((co_await await_many(none)).empty());
    std::vector<pending_result<void>> silent;
    silent.push_back(async(self, [] {}));
    co_await await_many(silent);
    CHECK(silent.front().done());
  });
}

TEST_CASE("awaiting many throws as soon as one fails and leaves the others") {
  checked_system sys;
  const task_supervisor tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    std::vector<pending_result<int>> all;
    all.push_back(co_await async_nolink(self, tasks, when_told, 1));
    all.push_back(co_await async_nolink(self, tasks, fail_when_told, std::string("disk full")));
    self.send(all[1].process(), go{});
    std::optional<exit_reason> why;
    try {
      (void)co_await await_many(all, troupe::infinity);
    } catch (const call_error& e) {
      why = e.reason();
    }
    CHECK(why == disk_full);
    self.send(all[0].process(), go{});
    CHECK(co_await all[0] == 1);
  });
}

TEST_CASE("awaiting many throws when the time is over and leaves the results there") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    std::vector<pending_result<int>> all;
    all.push_back(async(self, twice, 1));
    all.push_back(async(self, when_told, 7));
    (void)co_await end_of(self, all[0].process());
    std::optional<exit_reason> why;
    try {
      (void)co_await await_many(all, 1ms);
    } catch (const call_error& e) {
      why = e.reason();
    }
    CHECK(why == timed_out);
    self.send(all[1].process(), go{});
    CHECK(co_await await_many(all) == std::vector{2, 7});
  });
}

TEST_CASE("yielding many gives what is there and nothing for the others") {
  checked_system sys;
  const task_supervisor tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    std::vector<pending_result<int>> all;
    all.push_back(async(self, when_told, 1));
    all.push_back(async(self, twice, 2));
    all.push_back(co_await async_nolink(self, tasks, fail_when_told, std::string("disk full")));
    self.send(all[2].process(), go{});
    (void)co_await end_of(self, all[1].process());
    (void)co_await end_of(self, all[2].process());
    auto came = co_await yield_many(all, 1ms);
    REQUIRE(came.size() == 3);
    CHECK(!came[0]);
    CHECK(**came[1] == 4);
    CHECK(came[2]->reason() == disk_full);
    self.send(all[0].process(), go{});
    CHECK(co_await all[0] == 1);
  });
}

TEST_CASE("what a task under a supervisor throws is only a failed result") {
  checked_system sys;
  const task_supervisor tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    auto good = co_await async_nolink(self, tasks, sum_after_yield, 1, 2);
    auto bad = co_await async_nolink(self, tasks, fail_when_told, std::string("disk full"));
    self.send(bad.process(), go{});
    CHECK(co_await good == 3);
    CHECK(co_await failure_of(bad) == disk_full);
    (void)co_await end_of(self, bad.process());
  });
  CHECK(sys->call(tasks, troupe::count_children{}).active == 0);
}

TEST_CASE("a task supervisor refuses tasks above its limit and is found by its name") {
  checked_system sys;
  sys->supervise(troupe::one_for_one{},
                 {troupe::supervisor("tasks", troupe::dynamic{.max_children = 1}, troupe::tasks())
                      .registered()});
  sys->run([](context self) -> task<> {
    auto t = co_await async_nolink(self, "tasks", when_told, 1);
    std::optional<troupe::child_refused> no;
    try {
      (void)co_await async_nolink(self, "tasks", when_told, 2);
    } catch (const call_error& e) {
      const auto* const why = e.reason().get_if<troupe::child_refused>();
      if (why != nullptr) no = *why;
    }
    REQUIRE(no);
    CHECK(no->why == troupe::child_refused::cause::max_children);
    self.send(t.process(), go{});
    CHECK(co_await t == 1);
  });
}

TEST_CASE("a task under a supervisor ends with its handle and with its supervisor") {
  checked_system sys;
  const task_supervisor tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  sys->run([&](context self) -> task<> {
    pid dropped;
    {
      auto t = co_await async_nolink(self, tasks, when_told, 1);
      dropped = t.process();
    }
    (void)co_await end_of(self, dropped);
    auto t = co_await async_nolink(self, tasks, when_told, 2);
    self.system().exit(tasks, exit_reason::shutdown);
    CHECK(co_await failure_of(t) == exit_reason::shutdown);
  });
}

TEST_CASE("a task that is only started runs on without its starter and its failure is logged") {
  checked_system sys;
  const task_supervisor tasks = sys->supervise(troupe::dynamic{}, troupe::tasks());
  std::atomic<int> done{0};
  const pid started = sys->run([&](context self) -> task<pid> {
    co_return co_await troupe::start_task(self, tasks, [&](context me) -> task<int> {
      (void)co_await me.receive<go>();
      ++done;
      throw std::runtime_error("disk full");
    });
  });
  CHECK(sys->alive(started));
  sys->send(started, go{});
  sys->run([&](context self) -> task<> { (void)co_await end_of(self, started); });
  CHECK(done == 1);
  CHECK_THAT(sys.log->text(), ContainsSubstring("crashed: error std::runtime_error: disk full"));
}

TEST_CASE("what a task calls inherits the deadline of the request that its owner serves") {
  checked_system sys;
  class asker : public troupe::server {
   public:
    using handles = messages<get, here>;
    explicit asker(pid silent) : silent_(silent) {}
    task<int> handle(get) {
      auto t = async(
          self,
          [](context me, pid silent) -> task<exit_reason> {
            auto answer = co_await me.try_call(silent, get{}, troupe::infinity);
            co_return answer.reason();
          },
          silent_);
      (void)co_await end_of(self, t.process());
      inner_ = *t.take();
      co_return 0;
    }
    void handle(here h) { self.send(h.who, inner_); }

   private:
    pid silent_;
    exit_reason inner_;
  };
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<asker>(self.spawn(silent_process));
    (void)co_await self.try_call(s, get{}, 20ms);
    self.send(s, here{self});
    const exit_reason inner = co_await self.receive<exit_reason>();
    CHECK(inner.type() == "troupe::timeout");
  });
}

TEST_CASE("an await ends at the deadline of the request that its owner serves") {
  checked_system sys;
  class asker : public troupe::server {
   public:
    using handles = messages<get, here>;
    task<int> handle(get) {
      auto t = async(self, when_told, 1);
      why_ = exit_reason::normal;
      try {
        co_return co_await t.await(troupe::infinity);
      } catch (const call_error& e) {
        why_ = e.reason();
      }
      co_return 0;
    }
    void handle(here h) { self.send(h.who, why_); }

   private:
    exit_reason why_;
  };
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<asker>();
    (void)co_await self.try_call(s, get{}, 20ms);
    self.send(s, here{self});
    CHECK(co_await self.receive<exit_reason>() == timed_out);
  });
}

TEST_CASE("a server keeps a task between its messages") {
  checked_system sys;
  class keeper : public troupe::server {
   public:
    using handles = messages<go, get>;
    void handle(go) { pending_.emplace(async(self, sum_after_yield, 20, 22)); }
    task<int> handle(get) { co_return co_await *pending_; }

   private:
    std::optional<pending_result<int>> pending_;
  };
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<keeper>();
    self.send(s, go{});
    CHECK(co_await self.call(s, get{}) == 42);
  });
}
