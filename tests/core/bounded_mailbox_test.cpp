// Mailboxes with limits: what each policy does, and what no limit may touch.
#include "core/support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::mailbox_limits;
using troupe::overflow;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

struct number {
  int value;
};
struct text {
  std::string value;
};
struct question {
  using reply = int;
  int value = 0;
};
struct open_up {};
struct report {
  using reply = std::vector<int>;
};

// Takes nothing before it is told to, then keeps the numbers it gets.
process gate(context self, bool traps) {
  self.trap_exits(traps);
  co_await self.receive<open_up>();
  std::vector<int> seen;
  for (;;)
    co_await self.receive([&](number n) { seen.push_back(n.value); },
                          [&](text t) { seen.push_back(static_cast<int>(t.value.size())); },
                          [&](troupe::down) { seen.push_back(-1); },
                          [&](troupe::exit_signal) { seen.push_back(-2); },
                          [&](request<question> r) { r.reply(2 * r->value); },
                          [&](request<report> r) { r.reply(seen); });
}

pid spawn_gate(context self, mailbox_limits limits, bool traps = false) {
  return self.spawn_with({.mailbox = limits}, gate, traps).id;
}

// A request to a full mailbox would be refused: waits until there is room.
task<std::vector<int>> seen_by(context self, pid p) {
  for (;;) {
    auto seen = co_await self.try_call(p, report{});
    if (seen) co_return *seen;
    REQUIRE(seen.reason().type() == "troupe::mailbox_full");
    co_await self.sleep(1ms);
  }
}

// Opens it by a timer, whose messages no bound refuses.
void open(context self, pid p) { self.send_after(0ns, p, open_up{}); }

}  // namespace

TEST_CASE("a bounded mailbox takes as many messages as it may and refuses the next") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 3});
    for (int i = 1; i <= 3; ++i) CHECK(self.try_send(p, number{i}));
    CHECK_FALSE(self.try_send(p, number{4}));
    self.send(p, number{5});
    open(self, p);
    const auto seen = co_await seen_by(self, p);
    CHECK(seen == std::vector{1, 2, 3});
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("is full with 3 messages: a") &&
                                  ContainsSubstring("number is refused"));
}

TEST_CASE("a call that a full mailbox refuses fails at once with mailbox_full") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 1});
    self.send(p, number{1});
    auto answer = co_await self.try_call(p, question{1}, troupe::infinity);
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().type() == "troupe::mailbox_full");
  });
}

TEST_CASE("a mailbox that was full takes messages again when some were taken") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 2});
    self.send(p, number{1});
    self.send(p, number{2});
    CHECK_FALSE(self.try_send(p, number{3}));
    open(self, p);
    (void)co_await seen_by(self, p);
    CHECK(self.try_send(p, number{4}));
    const auto seen = co_await seen_by(self, p);
    CHECK(seen == std::vector{1, 2, 4});
  });
}

TEST_CASE("exit signals and downs and replies and timers come through a full mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid ender = self.spawn(idler);
    const pid p = self.spawn_with({.mailbox = {.messages = 1}},
                                  [ender](context me) -> process {
                                    me.trap_exits(true);
                                    me.link(ender);
                                    const auto ref = me.monitor(ender);
                                    co_await me.sleep(5ms);  // the mailbox is full by then
                                    me.send_after(0ns, me, number{7});
                                    const auto ended = co_await me.receive<troupe::down>();
                                    CHECK(ended.ref == ref);
                                    (void)co_await me.receive<troupe::exit_signal>();
                                    (void)co_await me.receive<number>(
                                        [](const number& n) { return n.value == 7; });
                                    CHECK(co_await me.call(me.parent(), question{3}) == 6);
                                  })
                      .id;
    self.send(p, number{1});
    CHECK_FALSE(self.try_send(p, number{2}));
    self.exit(ender, exit_reason::shutdown);
    auto asked = co_await self.receive<request<question>>();
    asked.reply(6);
    CHECK(co_await end_of(self, p) == exit_reason::normal);
  });
}

TEST_CASE("a bound of bytes counts the texts and elements that messages own") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.bytes = 10'000});
    CHECK(self.try_send(p, text{std::string(4'000, 'x')}));
    CHECK(self.try_send(p, text{std::string(4'000, 'x')}));
    CHECK_FALSE(self.try_send(p, text{std::string(4'000, 'x')}));
    CHECK(self.try_send(p, number{1}));
    open(self, p);
    const auto seen = co_await seen_by(self, p);
    CHECK(seen == std::vector{4000, 4000, 1});
  });
}

TEST_CASE("a process whose policy is kill ends with mailbox_full and a crash report") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 2, .when_full = overflow::kill}, true);
    const auto ref = self.monitor(p);
    for (int i = 0; i < 3; ++i) self.send(p, number{i});
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason.type() == "troupe::mailbox_full");
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("crashed: error troupe::mailbox_full"));
}

TEST_CASE("a sender that is held waits at its next co_await until the mailbox is half empty") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 4, .when_full = overflow::hold_sender});
    const pid sender = self.spawn([p](context me) -> process {
      for (int i = 0; i < 40; ++i) {
        me.send(p, number{i});
        co_await me.yield();
      }
    });
    const auto ref = self.monitor(sender);
    auto early = co_await self.receive_within<troupe::down>(20ms);
    CHECK_FALSE(early.has_value());
    CHECK(self.system().message_counts().queued() <= 6);  // the fifth holds the sender
    open(self, p);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    std::vector<int> all;
    for (int i = 0; i < 40; ++i) all.push_back(i);
    CHECK(co_await seen_by(self, p) == all);
  });
}

TEST_CASE("a sender that is held goes on when the receiver ends") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 1, .when_full = overflow::hold_sender});
    const auto sender = self.spawn_monitor([p](context me) -> process {
      for (int i = 0; i < 5; ++i) me.send(p, number{i});
      co_await me.yield();
    });
    auto early = co_await self.receive_within<troupe::down>(5ms);
    CHECK_FALSE(early.has_value());
    self.exit(p, exit_reason::kill);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == sender.ref);
    CHECK(ended.reason == exit_reason::normal);
  });
}

TEST_CASE("a sender that is held can be killed") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 1, .when_full = overflow::hold_sender});
    const auto sender = self.spawn_monitor([p](context me) -> process {
      for (int i = 0; i < 5; ++i) me.send(p, number{i});
      co_await me.yield();
    });
    auto early = co_await self.receive_within<troupe::down>(5ms);
    CHECK_FALSE(early.has_value());
    self.exit(sender.id, exit_reason::kill);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.reason == exit_reason::killed);
  });
}

TEST_CASE("a process is not held by its own mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto one = self.spawn_with(
        {.monitor = true, .mailbox = {.messages = 2, .when_full = overflow::hold_sender}},
        [](context me) -> process {
          for (int i = 0; i < 9; ++i) me.send(me, number{i});
          for (int i = 0; i < 9; ++i) {
            const auto n = co_await me.receive<number>();
            CHECK(n.value == i);
          }
        });
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == one.ref);
    CHECK(ended.reason == exit_reason::normal);
  });
}

TEST_CASE("threads cannot be held and are refused", "[threads]") {
  checked_system sys;
  const pid p = sys->spawn_with({.mailbox = {.messages = 2, .when_full = overflow::hold_sender}},
                                gate, false);
  CHECK(sys->try_send(p, number{1}));
  CHECK(sys->try_send(p, number{2}));
  CHECK_FALSE(sys->try_send(p, number{3}));
}

TEST_CASE("with drop_oldest the newest messages are there when the receiver looks") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 3, .when_full = overflow::drop_oldest});
    for (int i = 1; i <= 6; ++i) {
      CHECK(self.try_send(p, number{i}));
      co_await self.call(self.spawn(idler), are_you_there{});  // the gate has looked, perhaps
    }
    open(self, p);
    const auto seen = co_await seen_by(self, p);
    // The request for the report is a message, too: it may have come before the first was taken.
    CHECK((seen == std::vector{4, 5, 6} || seen == std::vector{5, 6}));
  });
}

TEST_CASE("with drop_oldest a call that is dropped fails and a down stays") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid ender = self.spawn(idler);
    const pid p = self.spawn_with({.mailbox = {.messages = 2, .when_full = overflow::drop_oldest}},
                                  [ender](context me) -> process {
                                    (void)me.monitor(ender);
                                    co_await me.receive<open_up>();
                                    (void)co_await me.receive<troupe::down>();
                                    (void)co_await me.receive<number>(
                                        [](const number& n) { return n.value == 3; });
                                  })
                      .id;
    const auto ref = self.monitor(p);
    const auto end = self.monitor(ender);
    self.exit(ender, exit_reason::kill);
    const auto killed = co_await self.receive<troupe::down>();
    CHECK(killed.ref == end);
    auto answer = self.send_request(p, question{1}, troupe::infinity);
    for (int i = 1; i <= 3; ++i) {
      self.send(p, number{i});
      co_await self.sleep(1ms);
    }
    auto failed = co_await answer;
    REQUIRE_FALSE(failed);
    CHECK(failed.reason().type() == "troupe::mailbox_full");
    open(self, p);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::normal);
  });
}

TEST_CASE("a supervisor starts its child with the mailbox that the specification names") {
  checked_system sys;
  const auto tree =
      sys->supervise(troupe::one_for_one{},
                     {troupe::child("gate", gate, false).registered().mailbox({.messages = 2})});
  sys->run([](context self) -> task<> {
    CHECK(self.try_send("gate", number{1}));
    CHECK(self.try_send("gate", number{2}));
    CHECK_FALSE(self.try_send("gate", number{3}));
    co_return;
  });
  sys->exit(tree.id(), exit_reason::shutdown);
}

TEST_CASE("the next process in the slot of a bounded one has an empty mailbox") {
  checked_system sys({.max_processes = 2});
  sys->run([](context self) -> task<> {
    for (int round = 0; round < 20; ++round) {
      const pid p = spawn_gate(self, {.messages = 2});
      CHECK(p.bounded());
      CHECK(self.try_send(p, number{1}));
      CHECK(self.try_send(p, number{2}));
      CHECK_FALSE(self.try_send(p, number{3}));
      CHECK(co_await killed(self, p) == exit_reason::killed);
      const pid next = self.spawn(idler);
      CHECK_FALSE(next.bounded());
      for (int i = 0; i < 5; ++i) CHECK(self.try_send(next, number{i}));
      CHECK(co_await killed(self, next) == exit_reason::killed);
    }
  });
}

TEST_CASE("a long mailbox without a bound is reported with its name and the oldest message") {
  checked_system sys({.mailbox_alarm = 100});
  sys->run([](context self) -> task<> {
    const pid p = self.spawn_with({.name = "slow"}, gate, false).id;
    for (int i = 0; i < 150; ++i) self.send(p, number{i});
    open(self, p);
    (void)co_await seen_by(self, p);
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("slow (") &&
                                  ContainsSubstring("messages in its mailbox, the oldest a") &&
                                  ContainsSubstring("spawn_options::mailbox"));
}

TEST_CASE("all mailboxes together hold no more than their budget and a short one has room") {
  checked_system sys({.mailbox_budget = 100'000});
  sys->run([](context self) -> task<> {
    const text kilobyte{std::string(1'000, 'x')};
    const pid greedy = self.spawn(gate, false);
    int taken = 0;
    while (self.try_send(greedy, kilobyte)) ++taken;
    CHECK(taken > 40);  // half of the budget
    CHECK(taken < 50);
    const pid second = self.spawn(gate, false);
    int taken_too = 0;
    while (self.try_send(second, kilobyte)) ++taken_too;
    CHECK(taken_too > 20);  // half of what was left
    CHECK(taken_too < 25);
    const pid other = self.spawn(gate, false);
    CHECK(self.try_send(other, number{1}));
    CHECK(self.system().message_counts().queued_bytes < 100'000);
    open(self, greedy);
    CHECK((co_await seen_by(self, greedy)).size() == static_cast<std::size_t>(taken));
    CHECK(self.try_send(second, kilobyte));
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("of the 100000 bytes that they may "
                                                "(system_options::mailbox_budget)"));
}

TEST_CASE("a budget of all mailboxes holds senders where the receiver says so") {
  checked_system sys({.mailbox_budget = 100'000});
  sys->run([](context self) -> task<> {
    const pid p = spawn_gate(self, {.messages = 1'000'000, .when_full = overflow::hold_sender});
    const auto sender = self.spawn_monitor([&](context me) -> process {
      for (int i = 0; i < 1'000; ++i) {
        me.send(p, text{std::string(1'000, 'x')});
        co_await me.yield();
      }
    });
    while (self.system().message_counts().queued_bytes < 40'000) co_await self.yield();
    CHECK(self.system().alive(sender.id));
    open(self, p);
    (void)co_await self.receive<troupe::down>();
    const auto seen = co_await seen_by(self, p);
    CHECK(seen.size() == 1'000);
  });
  CHECK(sys->message_counts().refused == 0);
}

TEST_CASE("a long mailbox is reported also where all mailboxes have a budget") {
  checked_system sys({.mailbox_alarm = 100, .mailbox_budget = 1'000'000});
  sys->run([](context self) -> task<> {
    const pid p = self.spawn_with({.name = "slow"}, gate, false).id;
    for (int i = 0; i < 150; ++i) self.send(p, number{i});
    open(self, p);
    (void)co_await seen_by(self, p);
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("messages in its mailbox"));
}

TEST_CASE("many senders together do not pass the budget of all mailboxes", "[threads]") {
  checked_system sys({.mailbox_budget = 100'000});
  std::vector<pid> gates;
  for (int i = 0; i < 4; ++i) gates.push_back(sys->spawn(gate, false));
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t)
    senders.emplace_back([&] {
      for (int i = 0; i < 4'000; ++i)
        (void)sys->try_send(gates[static_cast<std::size_t>(i) % 4], text{std::string(100, 'x')});
    });
  for (auto& t : senders) t.join();
  CHECK(sys->message_counts().queued_bytes <= 100'000);
  CHECK(sys->message_counts().queued_bytes > 70'000);
}

TEST_CASE("many senders together do not pass the bound", "[threads]") {
  checked_system sys;
  const pid p = sys->spawn_with({.mailbox = {.messages = 100}}, gate, false);
  std::atomic<int> taken = 0;
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t)
    senders.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        if (sys->try_send(p, number{i})) ++taken;
    });
  for (auto& t : senders) t.join();
  CHECK(taken == 100);
  CHECK(sys->message_counts().refused == 3900);
}
