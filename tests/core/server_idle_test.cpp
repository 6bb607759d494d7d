// What a server does first, and what it does when nothing comes.
#include <troupe/sys.hpp>

#include "core/support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::idle_timeout;
using troupe::messages;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct note {
  std::string text;
};
struct notes {
  using reply = std::vector<std::string>;
};
struct relax {
  std::chrono::nanoseconds after;
};
struct linger {
  std::chrono::nanoseconds for_time;
};
struct is_idle {
  troupe::steady_time at;
};

class diary : public troupe::server {
 public:
  using handles = messages<note, notes>;
  diary() {
    continue_with(note{"first"});
    continue_with(note{"second then third"});
  }
  void handle(note n) {
    seen_.push_back(n.text);
    if (n.text == "second then third") continue_with(note{"third"});
  }
  std::vector<std::string> handle(notes) { return seen_; }

 private:
  std::vector<std::string> seen_;
};

class sleeper : public troupe::server {
 public:
  using handles = messages<note, relax, linger, idle_timeout>;
  explicit sleeper(pid to, std::chrono::nanoseconds after) : to_(to) { idle_after(after); }
  void handle(note) {}
  void handle(relax r) { idle_after(r.after); }
  task<> handle(linger l) { co_await self.sleep(l.for_time); }
  void handle(idle_timeout) { self.send(to_, is_idle{self.now()}); }

 private:
  pid to_;
};

class by_hand : public troupe::server {
 public:
  by_hand() { continue_with(note{}); }
};

}  // namespace

TEST_CASE("what a constructor continues with is handled before all that came meanwhile") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto d = self.spawn<diary>();
    self.send(d, note{"from outside"});  // perhaps before its constructor runs
    const auto seen = co_await self.call(d, notes{});
    CHECK(seen == std::vector<std::string>{"first", "second then third", "third", "from outside"});
  });
}

TEST_CASE("what a handler continues with is handled before the mailbox") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto d = self.spawn<diary>();
    co_await self.call(d, troupe::sys::suspend{});
    self.send(d, note{"second then third"});
    self.send(d, note{"fourth"});
    co_await self.call(d, troupe::sys::resume{});
    const auto seen = co_await self.call(d, notes{});
    REQUIRE(seen.size() == 6);
    CHECK(seen[4] == "third");
    CHECK(seen[5] == "fourth");
  });
}

TEST_CASE("a server that is idle for long enough hears so each time and never early") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto start = self.now();
    const auto s = self.spawn<sleeper>(self.id(), 5ms);
    const auto first = (co_await self.receive<is_idle>()).at;
    CHECK(first - start >= 5ms);
    const auto second = (co_await self.receive<is_idle>()).at;
    CHECK(second - first >= 5ms);
    const auto sent = self.now();
    self.send(s, note{"a message begins the time anew"});
    auto third = (co_await self.receive<is_idle>()).at;
    while (third < sent) third = (co_await self.receive<is_idle>()).at;
    self.exit(s, exit_reason::shutdown);
  });
}

TEST_CASE("messages and the time in a handler begin the idle time anew") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<sleeper>(self.id(), 1h);
    co_await self.call(s, troupe::sys::suspend{});
    self.send(s, relax{20ms});
    self.send(s, linger{30ms});  // longer than the limit, and it is not idle
    const auto start = self.now();
    co_await self.call(s, troupe::sys::resume{});
    CHECK((co_await self.receive<is_idle>()).at - start >= 50ms);
    self.exit(s, exit_reason::shutdown);
  });
}

TEST_CASE("an idle time can be changed and ended") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<sleeper>(self.id(), 1h);
    self.send(s, relax{1ms});
    (void)co_await self.receive<is_idle>();
    self.send(s, relax{troupe::infinity});
    const auto status = co_await self.call(s, troupe::sys::get_status{});
    CHECK(status.mailbox == 0);
    while (co_await self.receive_within<is_idle>(0ns)) {
    }
    CHECK(!co_await self.receive_within<is_idle>(20ms));
  });
  // The timer is gone with it.
  CHECK(comes_true([&] { return sys->counts().timers == 0; }));
}

TEST_CASE("requests that look into a server do not keep it from being idle") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<sleeper>(self.id(), 10ms);
    while (!co_await self.receive_within<is_idle>(1ms))
      (void)co_await self.call(s, troupe::sys::get_status{});
    self.exit(s, exit_reason::shutdown);
  });
}

TEST_CASE("a server that does not list idle_timeout is told to when it asks for it") {
  class forgetful : public troupe::server {
   public:
    using handles = messages<note>;
    forgetful() { idle_after(1s); }
    void handle(note) {}
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    (void)self.spawn_with<forgetful>({.monitor = true});
    const auto why = (co_await self.receive<down>()).reason;
    CHECK_THAT(to_string(why), ContainsSubstring("add troupe::idle_timeout to its `handles`"));
  });
}

TEST_CASE("a server in the hands of a process function cannot do what only a process can") {
  checked_system sys;
  const pid p = sys->spawn([](context) -> process {
    by_hand wrong;
    co_return;
  });
  sys->run([&](context self) -> task<> { (void)co_await end_of(self, p); });
  CHECK_THAT(sys.log->text(), ContainsSubstring("no server runs here"));
}
