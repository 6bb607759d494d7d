#include <troupe/sys.hpp>

#include <troupe/state_machine.hpp>

#include "core/support.hpp"

#include <algorithm>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::call_error;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::messages;
using troupe::pid;
using troupe::process;
using troupe::ref;
using troupe::request;
using troupe::task;
namespace sys = troupe::sys;

namespace {

struct add {
  int by;
};
struct get {
  using reply = int;
};
struct wait_a_moment {
  using reply = void;
};

class counter : public troupe::server {
 public:
  using handles = messages<add, get, wait_a_moment>;
  explicit counter(int start = 0) : value(start) {}
  void handle(add m) { value += m.by; }
  int handle(get) { return value; }
  task<> handle(wait_a_moment) {
    co_await self.yield();
    ++value;
  }
  int value;
};
class special_counter : public counter {
 public:
  using counter::counter;
};
class other : public troupe::server {
 public:
  using handles = messages<get>;
  int handle(get) { return -1; }
};
enum class switched { off, on };
struct press {};
class toggle : public troupe::state_machine<switched> {
 public:
  using handles = messages<press>;
  toggle() : state_machine(switched::off) {}
  void handle(press) { next_state(state() == switched::off ? switched::on : switched::off); }
};

// The text of the failure of a call.
template <class Task>
task<std::string> failure_of(Task asked) {
  try {
    (void)co_await asked;
  } catch (const call_error& e) {
    co_return e.what();
  }
  co_return "it did not fail";
}
task<std::string> failure_of_void(task<> asked) {
  try {
    co_await asked;
  } catch (const call_error& e) {
    co_return e.what();
  }
  co_return "it did not fail";
}

const auto value_of = [](const counter& c) { return c.value; };

}  // namespace

// --- get_state and replace_state ----------------------------------------------------------------

TEST_CASE("get_state gives what a function finds in the server between two of its messages") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>(4);
    self.send(c, add{3});
    const int found = co_await sys::get_state(self, c, value_of);
    CHECK(found == 7);
    const pid where =
        co_await sys::get_state(self, c, [](const counter&) { return context::current().id(); });
    CHECK(where == c.id());
  });
}

TEST_CASE("replace_state changes the server and the messages after it find the change") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>(4);
    const std::string given = "owned by the function";
    const auto length = co_await sys::replace_state(self, c, [given](counter& s) {
      s.value = 40;
      return given.size();
    });
    CHECK(length == given.size());
    self.send(c, add{2});
    CHECK(co_await self.call(c, get{}) == 42);
    co_await sys::replace_state(self, c, [](counter& s) { s.value = 0; });
    CHECK(co_await self.call(c, get{}) == 0);
  });
}

TEST_CASE("what a visiting function throws fails the call with its text and the server lives") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>(4);
    const std::string text = co_await failure_of_void(
        sys::replace_state(self, c, [](counter&) { throw std::runtime_error("not like this"); }));
    CHECK_THAT(text, ContainsSubstring("std::runtime_error: not like this"));
    const std::string again = co_await failure_of(
        sys::get_state(self, c, [](const counter&) -> int { throw std::logic_error("nor so"); }));
    CHECK_THAT(again, ContainsSubstring("nor so"));
    CHECK(co_await self.call(c, get{}) == 4);
  });
}

TEST_CASE("a reference that says the wrong class gets an error that names both classes") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto o = self.spawn<other>();
    const std::string text =
        co_await failure_of(sys::get_state(self, ref<counter>(o.id()), value_of));
    CHECK_THAT(text, ContainsSubstring("wrong_class") && ContainsSubstring("is a other, not a") &&
                         ContainsSubstring("counter") && ContainsSubstring(to_string(o.id())));
    CHECK(co_await self.call(o, get{}) == -1);
  });
}

TEST_CASE("a reference to the base class of a server finds it") {
  checked_system system;
  system->run([](context self) -> task<> {
    const ref<counter> c(self.spawn<special_counter>(9).id());
    const int found = co_await sys::get_state(self, c, value_of);
    CHECK(found == 9);
  });
}

TEST_CASE("the state of a state machine is seen and told by the same functions") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto t = self.spawn<toggle>();
    self.send(t, press{});
    const switched now =
        co_await sys::get_state(self, t, [](const toggle& s) { return s.state(); });
    CHECK(now == switched::on);
  });
}

TEST_CASE("a function is not sent to another node and the error says what to do instead") {
  checked_system system;
  system->run([](context self) -> task<> {
    const ref<counter> far(pid{3, 77});
    CHECK_THROWS_WITH(sys::get_state(self, far, value_of),
                      ContainsSubstring("is a process of another node") &&
                          ContainsSubstring("send it a message"));
    co_return;
  });
}

TEST_CASE("a look into a process that has ended or is no server fails") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>();
    self.exit(c, exit_reason::shutdown);
    (void)co_await end_of(self, c);
    const std::string gone = co_await failure_of(sys::get_state(self, c, value_of));
    CHECK_THAT(gone, ContainsSubstring("noproc"));
    const pid function = self.spawn(idler);
    const std::string none =
        co_await failure_of(sys::get_state(self, ref<counter>(function), value_of));
    CHECK_THAT(none, ContainsSubstring("has no state to look at"));
  });
}

// --- suspend and resume -------------------------------------------------------------------------

TEST_CASE("a suspended server handles nothing until it is resumed and then all in order") {
  checked_system system;
  class ledger : public troupe::server {
   public:
    using handles = messages<add, get>;
    void handle(add m) { sum_ = sum_ * 10 + m.by; }
    int handle(get) { return sum_; }

   private:
    int sum_ = 0;
  };
  system->run([](context self) -> task<> {
    const auto l = self.spawn<ledger>();
    self.send(l, add{1});
    co_await self.call(l, sys::suspend{});
    self.send(l, add{2});
    auto asked = self.send_request(l, get{});
    self.send(l, add{3});
    CHECK(!co_await self.try_call(l, get{}, 1ms));
    co_await self.call(l, sys::suspend{});  // it is already
    const auto status = co_await self.call(l, sys::get_status{});
    CHECK(status.suspended);
    CHECK(status.mailbox == 3);  // whose caller has given up is gone
    co_await self.call(l, sys::resume{});
    auto then = co_await asked;
    REQUIRE(then);
    CHECK(*then == 12);
    CHECK(co_await self.call(l, get{}) == 123);
    co_await self.call(l, sys::resume{});  // it is not
    CHECK(co_await self.call(l, get{}) == 123);
  });
}

TEST_CASE("a suspended server can be looked into and changed") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>(1);
    co_await self.call(c, sys::suspend{});
    self.send(c, add{5});
    const int before = co_await sys::get_state(self, c, value_of);
    CHECK(before == 1);
    co_await sys::replace_state(self, c, [](counter& s) { s.value = 10; });
    co_await self.call(c, sys::resume{});
    CHECK(co_await self.call(c, get{}) == 15);
  });
}

TEST_CASE("a suspended server ends by an exit signal like any other process") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>();
    co_await self.call(c, sys::suspend{});
    auto waiting = self.send_request(c, get{}, troupe::infinity);
    self.exit(c, exit_reason::of(5));
    const exit_reason end = co_await end_of(self, c);
    CHECK((end == exit_reason::of(5) || end == exit_reason::noproc));
    CHECK(!co_await waiting);
  });
}

TEST_CASE("a suspended server that traps exits obeys its supervisor and nobody else") {
  class trapping : public counter {
   public:
    using handles = messages<add, get, exit_signal>;
    using counter::handle;
    trapping() { self.trap_exits(true); }
    void handle(exit_signal) { value += 100; }
  };
  checked_system system;
  const auto tree =
      system->supervise(troupe::one_for_one{}, {troupe::child<trapping>("t").registered()});
  system->run([&](context self) -> task<> {
    const ref<trapping> t(self.whereis("t"));
    co_await self.call(t, sys::suspend{});
    self.exit(t, exit_reason::shutdown);
    const auto status = co_await self.call(t, sys::get_status{});
    CHECK(status.mailbox == 1);  // the signal waits as the message that it is
    co_await self.call(t, sys::resume{});
    CHECK(co_await self.call(t, get{}) == 100);
    co_await self.call(t, sys::suspend{});
    const auto watch = self.monitor(t);
    co_await self.call(tree, troupe::terminate_child{"t"}, troupe::infinity);
    const auto ended = co_await self.receive<down>([&](const down& d) { return d.ref == watch; });
    CHECK(ended.reason == exit_reason::shutdown);
  });
}

TEST_CASE("a state machine's timeouts wait while it is suspended") {
  class timed : public troupe::state_machine<switched> {
   public:
    using handles = messages<press, add>;
    explicit timed(pid to) : state_machine(switched::off), to_(to) {}
    void enter(switched) { set_state_timeout(1ms, press{}); }
    void handle(press) { self.send(to_, add{1}); }
    void handle(add) {}

   private:
    pid to_;
  };
  checked_system system;
  system->run([](context self) -> task<> {
    const auto t = self.spawn<timed>(self.id());
    co_await self.call(t, sys::suspend{});
    const bool early = (co_await self.receive_within<add>(0ns)).has_value();
    if (!early) {
      while ((co_await self.call(t, sys::get_status{})).mailbox == 0) co_await self.sleep(1ms);
      CHECK(!co_await self.receive_within<add>(5ms));
      co_await self.call(t, sys::resume{});
      (void)co_await self.receive<add>();
    }
  });
}

// --- status, statistics, traces -----------------------------------------------------------------

TEST_CASE("get_status tells who a server is and what waits for it") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn_with<counter>({.name = "the counter"}, 1);
    const sys::status told = co_await self.call("the counter", sys::get_status{});
    CHECK(told.process == c.id);
    CHECK(told.name == "the counter");
    CHECK_THAT(told.behaviour, matchers::EndsWith("counter"));
    CHECK(told.parent == self.id());
    CHECK(!told.suspended);
    CHECK(!told.traced);
    CHECK(told.mailbox == 0);
    CHECK(!told.statistics);
  });
}

TEST_CASE("what every server understands can be asked from outside too") {
  checked_system system;
  const auto c = system->spawn<counter>(1);
  system->call(c, sys::suspend{});
  CHECK(system->call(c, sys::get_status{}).suspended);
  system->send(c, sys::resume{});  // without waiting
  CHECK(system->call(c, get{}) == 1);
}

TEST_CASE("statistics count the server's own messages from when they are switched on") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>();
    self.send(c, add{1});
    co_await self.call(c, sys::statistics{});
    self.send(c, add{1});
    self.send(c, add{1});
    (void)co_await self.call(c, get{});
    co_await self.call(c, wait_a_moment{});
    const auto counted = (co_await self.call(c, sys::get_status{})).statistics;
    REQUIRE(counted);
    CHECK(counted->messages == 4);
    CHECK(counted->requests == 2);
    co_await self.call(c, sys::statistics{});  // anew
    self.send(c, add{1});
    const auto fresh = (co_await self.call(c, sys::get_status{})).statistics;
    REQUIRE(fresh);
    CHECK(fresh->messages == 1);
    co_await self.call(c, sys::statistics{.on = false});
    CHECK(!(co_await self.call(c, sys::get_status{})).statistics);
    CHECK(co_await self.call(c, get{}) == 5);
  });
}

TEST_CASE("a traced server tells a process of each message when it takes it and when it is done") {
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<counter>();
    co_await self.call(c, sys::trace{.to = self.id()});
    self.send(c, add{3});
    co_await self.call(c, wait_a_moment{});
    co_await self.call(c, sys::trace{.on = false});
    self.send(c, add{4});
    CHECK(co_await self.call(c, get{}) == 8);
    std::vector<std::string> told;
    while (auto t = co_await self.receive_within<sys::traced>(0ns)) {
      CHECK(t->process == c.id());
      told.push_back((t->event == sys::traced::what::taken ? "taken " : "handled ") + t->message);
    }
    REQUIRE(told.size() == 4);
    CHECK_THAT(told[0], matchers::StartsWith("taken ") && matchers::EndsWith("add{3}"));
    CHECK_THAT(told[1], matchers::StartsWith("handled ") && matchers::EndsWith("add"));
    CHECK_THAT(told[2], ContainsSubstring("wait_a_moment"));
    CHECK_THAT(told[3], matchers::StartsWith("handled ") && matchers::EndsWith("wait_a_moment"));
  });
}

TEST_CASE("a traced state machine tells its own events too but not how it steps") {
  class chain : public troupe::state_machine<switched> {
   public:
    using handles = messages<press, add>;
    chain() : state_machine(switched::off) {}
    void handle(press) { next_event(add{1}); }
    void handle(add) {}
  };
  checked_system system;
  system->run([](context self) -> task<> {
    const auto c = self.spawn<chain>();
    co_await self.call(c, sys::trace{.to = self.id()});
    self.send(c, press{});
    co_await self.call(c, sys::trace{.on = false});
    std::vector<std::string> told;
    while (auto t = co_await self.receive_within<sys::traced>(0ns))
      if (t->event == sys::traced::what::taken) told.push_back(t->message);
    REQUIRE(told.size() == 2);
    CHECK_THAT(told[0], ContainsSubstring("press"));
    CHECK_THAT(told[1], ContainsSubstring("add{1}"));
  });
}

TEST_CASE("a trace goes to the log unless it is told where") {
  checked_system system;
  const auto c = system->spawn<counter>();
  system->call(c, sys::trace{});
  system->send(c, add{3});
  CHECK(system->call(c, get{}) == 3);
  const std::string log = system.log->text(troupe::log_level::info);
  CHECK_THAT(log, ContainsSubstring("trace " + to_string(c.id()) + ": takes") &&
                      ContainsSubstring("add{3}") && ContainsSubstring("has handled"));
}

TEST_CASE("a server cannot be traced by itself") {
  checked_system system;
  const auto c = system->spawn<counter>();
  CHECK_THROWS_WITH(system->call(c, sys::trace{.to = c.id()}),
                    ContainsSubstring("cannot be traced by itself"));
  CHECK(system->call(c, get{}) == 0);
}

TEST_CASE("what a watched server does not handle is logged and dropped as ever") {
  checked_system system;
  const auto c = system->spawn<counter>();
  system->call(c, sys::statistics{});
  system->send(c.id(), press{});
  CHECK(system->call(c, get{}) == 0);
  CHECK_THAT(system.log->text(), ContainsSubstring("does not handle"));
}

TEST_CASE("terminate ends a server with the reason given and its own terminate is called") {
  struct parting {
    exit_reason why;
  };
  class polite : public counter {
   public:
    explicit polite(pid to) : to_(to) {}
    void terminate(const exit_reason& why) override { self.send(to_, parting{why}); }

   private:
    pid to_;
  };
  checked_system system;
  system->run([](context self) -> task<> {
    for (const bool suspended : {false, true}) {
      const auto p = self.spawn_with<polite>({.monitor = true}, self.id());
      if (suspended) co_await self.call(p.id, sys::suspend{});
      co_await self.call(p.id, sys::terminate{exit_reason::shutdown_with(std::string("sold"))});
      const auto ended = co_await self.receive<down>();
      CHECK(ended.reason.what() == exit_reason::kind::shutdown);
      CHECK((co_await self.receive<parting>()).why == ended.reason);
    }
  });
}
