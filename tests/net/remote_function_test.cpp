// Functions that other nodes call.
#include <troupe/net/remote_function.hpp>

#include <atomic>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::net::remote_function;

namespace {

const remote_function<int(int, int)> add("add");
const remote_function<std::string(std::string)> respond("respond");
const remote_function<void()> hang("hang");

struct time_left {
  using reply = std::chrono::nanoseconds;
};

// The reason of the call_error that a call ends with.
template <class R>
task<exit_reason> reason_of(task<R> called) {
  try {
    (void)co_await called;
  } catch (const call_error& e) {
    co_return e.reason();
  }
  co_return exit_reason::normal;
}

// Says by its end that the call's process is gone.
struct ended_flag {
  std::atomic<int>* ended;
  ~ended_flag() { ++*ended; }
};

// Never returns; counts those that have begun and those that are gone.
struct endless {
  std::atomic<int>* begun;
  std::atomic<int>* ended;
  task<> operator()(context self) const {
    const ended_flag flag{ended};
    ++*begun;
    co_await self.sleep(1h);
  }
};

// Offers a function while this lives.
struct offered {
  template <class Signature, class F>
  offered(test_node& n, const remote_function<Signature>& name, F f)
      : on(n), tree(name.offer(n.system, std::move(f)).id()) {}
  ~offered() { on.system.exit(tree, exit_reason::shutdown); }
  offered(const offered&) = delete;
  offered& operator=(const offered&) = delete;
  test_node& on;
  pid tree;
};

}  // namespace

TEST_CASE("a function that is offered is called from another node and from its own") {
  two_nodes t;
  const offered offer_1(t.b, add, [](int a, int b) { return a + b; });
  t.a.system.run(
      [&](context self) -> task<> { CHECK(co_await add.call(self, t.b.name(), 1, 2) == 3); });
  t.b.system.run([&](context self) -> task<> {
    CHECK(co_await add.call(self, t.b.name(), 3, 4) == 7);
    CHECK(co_await add.call(self, "", 5, 6) == 11);
  });
}

TEST_CASE("a function may be plain or a task and take a context and give nothing") {
  two_nodes t;
  const remote_function<pid()> who("who");
  const remote_function<int(int)> slow("slow");
  const remote_function<void(std::vector<int>)> note("note");
  const remote_function<void(int)> later("later");
  std::atomic<int> noted{0};
  const offered offer_2(t.b, who, [](context self) { return self.id(); });
  const offered offer_3(t.b, slow, [](context self, int n) -> task<int> {
    co_await self.sleep(1ms);
    co_return 2 * n;
  });
  const offered offer_note(
      t.b, note, [&](const std::vector<int>& all) { noted += static_cast<int>(all.size()); });
  const offered offer_4(t.b, later, [&](int n) -> task<> {
    noted += n;
    co_return;
  });
  t.a.system.run([&](context self) -> task<> {
    CHECK_FALSE((co_await who.call(self, t.b.name())).local());
    CHECK(co_await slow.call(self, t.b.name(), 21) == 42);
    const std::vector three{1, 2, 3};
    co_await note.call(self, t.b.name(), three);
    co_await later.call(self, t.b.name(), 4);
  });
  CHECK(noted == 7);
}

TEST_CASE("what leaves a function is the reason of its caller and no crash on its node") {
  two_nodes t;
  const offered offer_5(t.b, respond, [](context self, const std::string& how) -> std::string {
    if (how == "throw") throw std::out_of_range("item 7");
    if (how == "exit") self.exit(exit_reason::shutdown);
    if (how == "kill") self.exit(self.id(), exit_reason::kill);
    return how;
  });
  t.a.system.run([&](context self) -> task<> {
    const std::string b = t.b.name();
    CHECK(co_await reason_of(respond.call(self, b, "throw")) ==
          exit_reason::error("std::out_of_range", "item 7"));
    CHECK(co_await reason_of(respond.call(self, b, "exit")) == exit_reason::shutdown);
    CHECK(co_await respond.call(self, b, "well") == "well");
  });
  CHECK_THAT(t.b.log->text(), !ContainsSubstring("crashed"));
}

TEST_CASE("a call says what is wrong: not offered and other arguments and no such node") {
  two_nodes t;
  const offered offer_6(t.b, add, [](int a, int b) { return a + b; });
  const remote_function<int(std::string)> other_arguments("add");
  const remote_function<std::string(std::string)> of_another_function("add");
  const offered offer_7(t.a, respond, [](const std::string& text) { return text; });
  t.a.system.run([&](context self) -> task<> {
    const auto missing = co_await reason_of(respond.call(self, t.b.name(), "x"));
    CHECK(missing.type() == "troupe::not_offered");
    CHECK_THAT(std::string(missing.text()),
               ContainsSubstring(t.b.name()) && ContainsSubstring("the function respond"));
    const auto other = co_await reason_of(other_arguments.call(self, t.b.name(), "x"));
    CHECK(other.type() == "troupe::bad_arguments");
    const auto known = co_await reason_of(of_another_function.call(self, t.b.name(), "x"));
    CHECK(known.type() == "troupe::bad_arguments");
    CHECK_THAT(std::string(known.text()), ContainsSubstring("function_call<string,string>"));
    const auto nowhere = co_await reason_of(add.call(self, "n@127.0.0.1:1", 1, 2));
    CHECK(nowhere == exit_reason::noconnection);
  });
}

TEST_CASE("many calls of one function run at the same time, each in a process of its own") {
  two_nodes t;
  const remote_function<int(int)> meet("meet");
  std::atomic<int> here{0};
  const offered offer_8(t.b, meet, [&](context self, int n) -> task<int> {
    for (++here; here < 20;) co_await self.yield();
    co_return n;
  });
  std::atomic<int> sum{0};
  t.a.system.run([&](context self) -> task<> {
    for (int i = 0; i < 20; ++i)
      (void)self.spawn_monitor(
          [&, i](context me) -> process { sum += co_await meet.call(me, t.b.name(), i); });
    for (int i = 0; i < 20; ++i) (void)co_await self.receive<troupe::down>();
  });
  CHECK(sum == 190);
}

TEST_CASE("a call whose time is over fails and what it runs there is ended") {
  two_nodes t;
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  const offered offer_9(t.b, hang, endless{&begun, &ended});
  t.a.system.run([&](context self) -> task<> {
    const auto late = co_await reason_of(hang.call(self, t.b.name(), 50ms));
    CHECK(late.type() == "troupe::timeout");
  });
  CHECK(comes_true([&] { return ended == begun; }));
  CHECK(comes_true([&] { return t.b.system.counts().processes == 2; }));  // of its offer
}

TEST_CASE("what a call runs is ended when its caller ends or the connection is lost") {
  two_nodes t;
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  const offered offer_10(t.b, hang, endless{&begun, &ended});
  const auto caller = [&](context self) -> process {
    co_await hang.call(self, t.b.name(), troupe::infinity);
  };
  const pid dies = t.a.system.spawn(caller);
  REQUIRE(comes_true([&] { return begun == 1; }));
  t.a.system.exit(dies, exit_reason::kill);
  CHECK(comes_true([&] { return ended == 1; }));
  const pid is_cut = t.a.system.spawn(caller);
  REQUIRE(comes_true([&] { return begun == 2; }));
  t.a.node->disconnect(t.b.name());
  CHECK(comes_true([&] { return ended == 2 && !t.a.system.alive(is_cut); }));
}

TEST_CASE("a function that stops being offered fails the calls that are under way") {
  two_nodes t;
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  const auto tree =
      t.b.system.supervise(troupe::one_for_one{}, {hang.child(endless{&begun, &ended})});
  t.a.system.run([&](context self) -> task<> {
    auto called = self.spawn_monitor(
        [&](context me) -> process { co_await hang.call(me, t.b.name(), troupe::infinity); });
    while (begun == 0) co_await self.yield();
    t.b.system.exit(tree.id(), exit_reason::shutdown);
    const auto told = co_await self.receive<troupe::down>();
    CHECK(told.ref == called.ref);
    CHECK_THAT(std::string(told.reason.text()), ContainsSubstring("shutdown"));
  });
  CHECK(comes_true([&] { return ended == 1; }));
}

TEST_CASE("the calls that a function makes inherit what is left of its caller's time") {
  two_nodes t;
  const remote_function<bool()> asks("asks");
  t.a.system.spawn_with({.name = "clock"}, [](context self) -> process {
    for (;;)
      co_await self.receive(
          [&](troupe::request<time_left> r) { r.reply(r.deadline() - self.now()); });
  });
  const offered offer_11(t.b, asks, [a = t.a.name()](context self) -> task<bool> {
    const auto left = co_await self.call({"clock", a}, time_left{}, 1h);
    co_return left <= 10s && left > 0s;
  });
  t.a.system.run([&](context self) -> task<> {
    const bool bounded = co_await asks.call(self, t.b.name(), 10s);
    CHECK(bounded);
  });
}

TEST_CASE("a function is called on many nodes with results and failures by node in one time") {
  test_node a{{}, "a"};
  test_node b{{}, "b"};
  test_node c{{}, "c"};
  const remote_function<std::string(int)> tell("tell");
  const offered offer_12(a, tell, [](int n) { return "a" + std::to_string(n); });
  const offered offer_13(b, tell, [](context self, int) -> task<std::string> {
    co_await self.sleep(1h);
    co_return "too late";
  });
  const std::string nobody = "nobody@127.0.0.1:1";
  a.system.run([&](context self) -> task<> {
    const std::vector all{a.name(), b.name(), c.name(), nobody};
    const auto got = co_await tell.multi_call(self, all, 7, 100ms);
    REQUIRE(got.replies.size() == 1);
    CHECK(got.replies[0].by.node() == a.name());
    CHECK(got.replies[0].value == "a7");
    REQUIRE(got.bad.size() == 3);
    CHECK(got.bad[0].by.node() == b.name());
    CHECK(got.bad[0].reason.type() == "troupe::timeout");
    CHECK(got.bad[1].by.node() == c.name());
    CHECK(got.bad[1].reason.type() == "troupe::not_offered");
    CHECK(got.bad[2].by.node() == nobody);
    CHECK(got.bad[2].reason == exit_reason::noconnection);
  });
}
