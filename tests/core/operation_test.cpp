#include "core/support.hpp"

#include <semaphore>

using namespace troupe_test;
using troupe::completion;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct started {
  completion done;
};
struct asked_to_end {};

// Tells the test that it has begun and how to complete it; completes when the test says so.
class reporting_operation final : public troupe::operation {
 public:
  reporting_operation(troupe::system& home, pid report) : home_(home), report_(report) {}
  void start(completion done) override { home_.send(report_, started{done}); }
  void cancel() noexcept override { home_.send(report_, asked_to_end{}); }

 private:
  troupe::system& home_;
  pid report_;
};

process performer(context self, std::atomic<int>* living, std::atomic<bool>* resumed, pid report) {
  const tracked local(*living);
  reporting_operation work(self.system(), report);
  co_await self.perform(work);
  *resumed = true;
}

}  // namespace

TEST_CASE("an operation that completes at once lets the process go on") {
  struct immediate final : troupe::operation {
    void start(completion done) override {
      ++starts;
      done();
    }
    int starts = 0;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    immediate work;
    for (int i = 0; i < 1000; ++i) co_await self.perform(work);
    CHECK(work.starts == 1000);
  });
}

TEST_CASE("an operation is completed by another thread, whose writes the process then sees",
          "[threads]") {
  struct on_a_thread final : troupe::operation {
    void start(completion done) override {
      thread = std::thread([this, done] {
        value = 42;  // plain: the completion is what publishes it
        done();
      });
    }
    std::thread thread;
    int value = 0;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 50; ++i) {
      on_a_thread work;
      co_await self.perform(work);
      const int seen = work.value;
      work.thread.join();
      REQUIRE(seen == 42);
    }
  });
}

TEST_CASE("messages that come while an operation is under way wait for the next receive") {
  struct note {
    int value;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct both {
      int first, second;
    };
    const pid p = self.spawn(
        [](context me, pid report) -> process {
          reporting_operation work(me.system(), report);
          co_await me.perform(work);
          const int first = (co_await me.receive<note>()).value;
          const int second = (co_await me.receive<note>()).value;
          me.send(report, both{first, second});
        },
        self.id());
    const started s = co_await self.receive<started>();
    self.send(p, note{1});
    self.send(p, note{2});
    s.done();
    const both got = co_await self.receive<both>();
    CHECK(got.first == 1);
    CHECK(got.second == 2);
  });
}

TEST_CASE("a process that is killed in an operation asks it to end once and lives until it has") {
  std::atomic<int> living{0};
  std::atomic<bool> resumed{false};
  checked_system sys;
  sys->run([&](context self) -> task<> {
    const pid p = self.spawn(performer, &living, &resumed, self.id());
    const auto ref = self.monitor(p);
    const started s = co_await self.receive<started>();
    self.exit(p, exit_reason::kill);
    (void)co_await self.receive<asked_to_end>();
    // Whatever else comes: it is asked once, and its frame stays.
    self.exit(p, exit_reason::kill);
    self.exit(p, exit_reason::shutdown);
    self.send(p, asked_to_end{});
    for (int i = 0; i < 300; ++i) co_await self.yield();
    CHECK(!co_await self.receive_within<asked_to_end>(0ms));
    CHECK(!co_await self.receive_within<down>(0ms));
    CHECK(living == 1);
    CHECK(self.system().alive(p));
    s.done();
    const auto d = co_await self.receive<down>();
    CHECK(d.ref == ref);
    CHECK(d.reason == exit_reason::killed);
    CHECK(!co_await self.receive_within<asked_to_end>(0ms));
  });
  CHECK(living == 0);
  CHECK(!resumed);
}

TEST_CASE("a process ends with the reason it was sent while an operation was under way") {
  std::atomic<int> living{0};
  std::atomic<bool> resumed{false};
  checked_system sys;
  sys->run([&](context self) -> task<> {
    const auto p = self.spawn_monitor(performer, &living, &resumed, self.id());
    const started s = co_await self.receive<started>();
    self.exit(p.id, exit_reason::of(7));
    (void)co_await self.receive<asked_to_end>();
    s.done();
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(7));
  });
  CHECK(!resumed);
}

TEST_CASE("a completion that meets a kill leaves nothing behind, whichever comes first",
          "[threads]") {
  std::atomic<int> living{0};
  std::atomic<bool> resumed{false};
  checked_system sys({.workers = 3});
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < 300; ++i) {
      const auto p = self.spawn_monitor(performer, &living, &resumed, self.id());
      const started s = co_await self.receive<started>();
      std::binary_semaphore go{0};
      std::thread other([&] {
        go.acquire();
        s.done();
      });
      go.release();
      self.exit(p.id, exit_reason::kill);
      const exit_reason why = (co_await self.receive<down>()).reason;
      other.join();
      CHECK((why == exit_reason::killed || why == exit_reason::normal));
      while (co_await self.receive_within<asked_to_end>(0ms)) {
      }
    }
  });
  CHECK(living == 0);
}

TEST_CASE(
    "what an operation's start throws is thrown where the process performs it, and it lives") {
  struct refusing final : troupe::operation {
    void start(completion) override { throw std::runtime_error("no more sockets"); }
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    refusing work;
    CHECK_THROWS_WITH(co_await self.perform(work), "no more sockets");
    // The process goes on as if nothing had been begun.
    self.send(self, asked_to_end{});
    (void)co_await self.receive<asked_to_end>();
    co_await self.sleep(1ms);
  });
}

TEST_CASE("a process that is to end does not begin an operation after its next wait") {
  checked_system sys;
  std::atomic<bool> resumed{false};
  sys->run([&](context self) -> task<> {
    self.spawn_with(
        {.monitor = true},
        [&](context me, pid report) -> process {
          me.exit(me, exit_reason::kill);
          co_await me.yield();  // here the kill takes effect
          reporting_operation work(me.system(), report);
          co_await me.perform(work);
          resumed = true;
        },
        self.id());
    CHECK((co_await self.receive<down>()).reason == exit_reason::killed);
    CHECK(!co_await self.receive_within<started>(0ms));
  });
  CHECK(!resumed);
}
