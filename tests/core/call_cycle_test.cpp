// Processes that wait for each other in calls are told at once.
#include "core/support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;

namespace {

struct ask {
  using reply = int;
  int value = 0;
};
struct go {
  std::vector<pid> others;  // whom to call, one after the other
};

// When told, calls somebody and tells the test how that ended; answers only when it is not in a
// call.
struct outcome {
  pid who;
  exit_reason why;
};
process party(context self) {
  for (;;)
    co_await self.receive(
        [&](go m) -> task<void> {
          for (const pid other : m.others) {
            auto answer = co_await self.try_call(other, ask{}, troupe::infinity);
            self.send(self.parent(), outcome{self, answer ? exit_reason::normal : answer.reason()});
          }
        },
        [](request<ask> r) -> task<void> {
          r.reply(r->value + 1);
          co_return;
        });
}

// Serves a request by calling the next one.
class relay : public troupe::server {
 public:
  using handles = troupe::messages<ask, go>;
  void handle(go m) { next_ = m.others.front(); }
  task<int> handle(ask a) { co_return co_await self.call(next_, a, troupe::infinity); }

 private:
  pid next_;
};

struct two_parties {
  pid first;
  pid second;
};
two_parties start_calling_each_other(context self) {
  const two_parties p{self.spawn(party), self.spawn(party)};
  self.send(p.first, go{{p.second}});
  self.send(p.second, go{{p.first}});
  return p;
}

task<exit_reason> next_outcome(context self) {
  outcome o = co_await self.receive<outcome>();
  co_return o.why;
}

}  // namespace

TEST_CASE("a process that calls itself is told so at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    auto answer = co_await self.try_call(self, ask{}, troupe::infinity);
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().type() == "troupe::call_cycle");
    CHECK_THAT(std::string(answer.reason().text()),
               ContainsSubstring(to_string(self.id()) + " waits for " + to_string(self.id())));
  });
}

TEST_CASE("of processes that call each other at the same moment none waits") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    for (int i = 0; i < 1000; ++i) {
      const auto [a, b] = start_calling_each_other(self);
      const exit_reason first = co_await next_outcome(self);
      const exit_reason second = co_await next_outcome(self);
      INFO(to_string(first) << "; " << to_string(second));
      CHECK(first == second);
      self.exit(a, exit_reason::shutdown);
      self.exit(b, exit_reason::shutdown);
    }
  });
}

TEST_CASE("two processes that call each other are both told with the chain") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto [a, b] = start_calling_each_other(self);
    // Either one was done before the other began, or both wait and both are told.
    const exit_reason first = co_await next_outcome(self);
    const exit_reason second = co_await next_outcome(self);
    CHECK(first == second);
    if (first == exit_reason::normal) co_return;
    CHECK(first.type() == "troupe::call_cycle");
    CHECK_THAT(std::string(first.text()),
               ContainsSubstring(to_string(a)) && ContainsSubstring(to_string(b)));
  });
}

TEST_CASE("a server that calls back who asked it is told and so is the asker") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto middle = self.spawn<relay>();
    self.send(middle, go{{self}});
    auto answer = co_await self.try_call(middle.id(), ask{1}, troupe::infinity);
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().type() == "troupe::call_cycle");
    (void)co_await self.receive<request<ask>>();  // the call back, which came to nobody
  });
}

TEST_CASE("a ring of servers is found whatever its length") {
  const auto length = GENERATE(2, 3, 7, 60);
  checked_system sys;
  sys->run([&](context self) -> task<> {
    std::vector<pid> ring;
    for (int i = 0; i < length; ++i)
      ring.push_back(self.spawn_with<relay>({.name = "relay" + std::to_string(i)}).id);
    for (std::size_t i = 0; i < ring.size(); ++i)
      self.send(ring[i], go{{ring[(i + 1) % ring.size()]}});
    auto answer = co_await self.try_call(ring[0], ask{1}, troupe::infinity);
    REQUIRE_FALSE(answer);
    // The ring's own call failed, and that ended the server which had ours.
    CHECK_THAT(to_string(answer.reason()), ContainsSubstring("troupe::call_cycle") &&
                                               ContainsSubstring("relay0") &&
                                               ContainsSubstring("relay1"));
  });
}

TEST_CASE("a chain of calls without a ring is answered") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid end = self.spawn(party);
    pid next = end;
    for (int i = 0; i < 10; ++i) {
      const auto r = self.spawn<relay>();
      self.send(r, go{{next}});
      next = r.id();
    }
    CHECK(co_await self.call(next, ask{41}) == 42);
  });
}

TEST_CASE("a request that waits for a busy process which calls elsewhere is answered later") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid slow = self.spawn([](context me) -> process {
      auto r = co_await me.receive<request<ask>>();
      co_await me.sleep(5ms);
      r.reply(1);
      (void)co_await me.receive<go>();
    });
    const pid a = self.spawn(party);
    self.send(a, go{{slow}});
    CHECK(co_await self.call(a, ask{1}) == 2);  // it came while a waited
    CHECK(co_await next_outcome(self) == exit_reason::normal);
    self.send(slow, go{});
  });
}

TEST_CASE("who has answered and then calls back makes no ring") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid early = self.spawn([](context me) -> process {
      auto r = co_await me.receive<request<ask>>();
      const pid from = r.from();
      r.reply(1);
      CHECK(co_await me.call(from, ask{5}) == 6);
    });
    const auto ref = self.monitor(early);
    CHECK(co_await self.call(early, ask{}) == 1);
    auto back = co_await self.receive<request<ask>>();
    back.reply(back->value + 1);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::normal);
  });
}
