// Manners of the scheduler that programs see: priorities, the watchdog, quotas, and what becomes of
// each message.
#include "core/support.hpp"

#include <latch>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

struct number {
  int value;
};
struct question {
  using reply = int;
};

}  // namespace

TEST_CASE("a process of high priority runs before those of normal priority that were ready first",
          "[threads]") {
  checked_system sys({.workers = 1});
  std::vector<int> order;
  sys->run([&](context self) -> task<> {
    std::vector<troupe::monitor_ref> all;
    for (int i = 0; i < 10; ++i)
      all.push_back(self.spawn_monitor([&order, i](context) -> process {
                          order.push_back(i);
                          co_return;
                        })
                        .ref);
    all.push_back(self.spawn_with({.monitor = true, .priority = troupe::priority::high},
                                  [&order](context) -> process {
                                    order.push_back(100);
                                    co_return;
                                  })
                      .ref);
    for (std::size_t i = 0; i < all.size(); ++i) (void)co_await self.receive<troupe::down>();
  });
  REQUIRE(order.size() == 11);
  CHECK(order.front() == 100);
}

TEST_CASE("a process of high priority that others work for keeps its place when it is woken again",
          "[threads]") {
  checked_system sys({.workers = 1});
  sys->run([&](context self) -> task<> {
    const pid urgent = self.spawn_with({.priority = troupe::priority::high}, idler).id;
    std::atomic<bool> stop = false;
    std::vector<troupe::monitor_ref> busy;
    for (int i = 0; i < 50; ++i)
      busy.push_back(self.spawn_monitor([&stop](context me) -> process {
                           while (!stop) co_await me.yield();
                         })
                         .ref);
    for (int i = 0; i < 100; ++i) co_await self.call(urgent, are_you_there{});
    stop = true;
    for (std::size_t i = 0; i < busy.size(); ++i) (void)co_await self.receive<troupe::down>();
  });
}

TEST_CASE("a process that holds its worker is reported with its name and the message it handles",
          "[threads]") {
  checked_system sys({.workers = 2, .long_turn = 20ms});
  std::atomic<bool> go_on = false;
  sys->run([&](context self) -> task<> {
    const auto hog = self.spawn_with({.name = "hog", .monitor = true}, [&](context me) -> process {
      (void)co_await me.receive<number>();
      while (!go_on) std::this_thread::yield();
    });
    self.send(hog.id, number{1});
    CHECK(co_await self.blocking([&] {
      return comes_true(
          [&] { return sys.log->text().find("has held worker") != std::string::npos; });
    }));
    go_on = true;
    (void)co_await self.receive<troupe::down>();
  });
  CHECK_THAT(sys.log->text(),
             ContainsSubstring(" hog has held worker") && ContainsSubstring("since it took a") &&
                 ContainsSubstring("number") && ContainsSubstring("self.blocking"));
}

TEST_CASE("a worker that is held is reported also when all workers are", "[threads]") {
  checked_system sys({.workers = 1, .long_turn = 20ms});
  std::latch ended{1};
  (void)sys->spawn_with({.name = "alone"}, [&](context) -> process {
    (void)comes_true([&] { return sys.log->text().find("alone has held") != std::string::npos; });
    ended.count_down();
    co_return;
  });
  ended.wait();
  CHECK_THAT(sys.log->text(), ContainsSubstring("alone has held worker 0") &&
                                  ContainsSubstring("since it was started or woken"));
}

TEST_CASE("a process with a quota may have so many descendants and no more") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto ended =
        self.spawn_with({.monitor = true, .max_descendants = 3}, [](context me) -> process {
          const pid first = me.spawn(idler);
          me.spawn(idler);
          me.spawn(idler);
          CHECK_THROWS_WITH(me.spawn(idler), ContainsSubstring(to_string(me.id())) &&
                                                 ContainsSubstring("max_descendants") &&
                                                 ContainsSubstring("3 processes"));
          CHECK(co_await killed(me, first) == exit_reason::killed);
          me.spawn(idler);
        });
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ended.ref);
    CHECK(d.reason == exit_reason::normal);
  });
}

TEST_CASE("a process that spawns without end is stopped by the quota of its ancestor") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct breeder {
      static process run(context me) {
        me.spawn(run);
        co_await me.receive<number>();
      }
    };
    const auto first = self.spawn_with({.monitor = true, .max_descendants = 20}, breeder::run);
    co_await self.sleep(10ms);
    CHECK(self.system().counts().processes <= 22);
    self.exit(first.id, exit_reason::kill);
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == first.ref);
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("max_descendants"));
}

TEST_CASE("of each message it is counted what became of it") {
  checked_system sys;
  const troupe::message_counts before = sys->message_counts();
  sys->run([](context self) -> task<> {
    const pid p = self.spawn(idler);
    for (int i = 0; i < 5; ++i) self.send(p, number{i});
    co_await self.call(p, are_you_there{});                  // taken: 6
    CHECK(co_await killed(self, p) == exit_reason::killed);  // a down: 7
    self.send(p, number{1});                                 // no receiver
    const pid full =
        self.spawn_with({.mailbox = {.messages = 1}},
                        [](context me) -> process { (void)co_await me.receive<question>(); })
            .id;
    self.send(full, number{1});                                 // unread
    self.send(full, number{2});                                 // refused
    CHECK(co_await killed(self, full) == exit_reason::killed);  // a down: 8
  });
  const troupe::message_counts after = sys->message_counts();
  CHECK(after.taken - before.taken == 8);
  CHECK(after.no_receiver - before.no_receiver == 1);
  CHECK(after.unread - before.unread == 1);
  CHECK(after.refused - before.refused == 1);
  CHECK(after.expired == before.expired);
  CHECK(after.sent - before.sent == 11);
  CHECK(after.queued() == 0);
}

TEST_CASE("requests whose caller has given up are counted as expired") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid busy = self.spawn([](context me) -> process {
      (void)co_await me.receive<number>();
      (void)co_await me.receive_within<request<question>>(0ns);
    });
    const auto ref = self.monitor(busy);
    auto late = co_await self.try_call(busy, question{}, 1ms);
    CHECK_FALSE(late);
    self.send(busy, number{1});
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ref);
    CHECK(self.system().message_counts().expired == 1);
  });
}
