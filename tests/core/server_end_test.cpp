// How servers end, and how who called or started them learns it: scenarios of OTP's
// gen_server_SUITE. See tests/otp/SCENARIOS.md.
#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::messages;
using troupe::pid;
using troupe::ref;
using troupe::task;

namespace {

struct get {
  using reply = int;
};
struct leave {
  using reply = int;
  exit_reason reason;
};
struct ask_yourself {
  using reply = bool;
};
struct other_mail {
  int number;
};

class answering : public troupe::server {
 public:
  using handles = messages<get, leave, ask_yourself>;
  int handle(get) { return 42; }
  int handle(const leave& l) { self.exit(l.reason); }
  task<bool> handle(ask_yourself) {
    const auto answer = co_await self.try_call(self.id(), get{}, 1ms);
    co_return answer.has_value();
  }
};

class refusing : public troupe::server {
 public:
  using handles = messages<get>;
  refusing() { self.exit(exit_reason::of(std::string("no licence"))); }
  int handle(get) { return 0; }
};

}  // namespace

TEST_CASE("who stops a server and waits for its end finds its name free and calls are noproc") {
  checked_system sys;
  for (const exit_reason& why : {exit_reason::shutdown, exit_reason::of(1), exit_reason::kill}) {
    const ref<answering> s = sys->spawn_with<answering>({.name = "s"});
    CHECK(sys->call("s", get{}) == 42);
    sys->run([&](context self) -> task<> {
      const auto watched = self.monitor(s.id());
      self.exit(s.id(), why);
      const down ended = co_await self.receive<down>();
      CHECK(ended.ref == watched);
      CHECK(ended.reason == (why == exit_reason::kill ? exit_reason::killed : why));
      CHECK(!self.whereis("s"));
      CHECK(!self.system().alive(s));
      for (const troupe::destination& to :
           {troupe::destination(s.id()), troupe::destination("s")}) {
        const auto answer = co_await self.try_call(to, get{});
        REQUIRE(!answer);
        CHECK(answer.reason() == exit_reason::noproc);
      }
    });
  }
}

TEST_CASE("a server that is sent the exit signal normal goes on") {
  checked_system sys;
  const ref<answering> s = sys->spawn<answering>();
  sys->exit(s, exit_reason::normal);
  CHECK(sys->call(s, get{}) == 42);
}

TEST_CASE("a server started with a link or a monitor tells its end by it") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    const auto s = self.spawn_with<answering>({.name = "s", .link = true, .monitor = true});
    CHECK_THROWS_AS(self.spawn_with<answering>({.name = "s"}), troupe::name_taken);
    (void)co_await self.try_call(s.id, leave{exit_reason::of(7)});
    const auto linked = co_await self.receive<troupe::exit_signal>();
    CHECK(linked.from == s.id);
    CHECK(linked.reason == exit_reason::of(7));
    const down watched = co_await self.receive<down>();
    CHECK(watched.ref == s.ref);
    CHECK(watched.reason == exit_reason::of(7));
  });
}

TEST_CASE("a server that refuses to start has freed its name when its end is known") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.trap_exits(true);
    for (int i = 0; i < 100; ++i) {  // the name is there again at once, each time
      const auto s = self.spawn_with<refusing>({.name = "r", .link = true});
      const auto ended = co_await self.receive<troupe::exit_signal>();
      CHECK(ended.from == s.id);
      CHECK(ended.reason == exit_reason::of(std::string("no licence")));
      CHECK(!self.whereis("r"));
    }
  });
}

TEST_CASE("a server that ends in a call with a reason that is meant tells it and is not reported") {
  checked_system sys;
  for (const exit_reason& why : {exit_reason::normal, exit_reason::shutdown,
                                 exit_reason::shutdown_with(std::string("maintenance"))}) {
    const ref<answering> s = sys->spawn<answering>();
    sys->run([&](context self) -> task<> {
      const auto answer = co_await self.try_call(s, leave{why});
      REQUIRE(!answer);
      CHECK(answer.reason() == why);
    });
  }
  CHECK(sys.log->text().empty());
}

TEST_CASE("a server that calls itself has no answer in time and goes on") {
  checked_system sys;
  const ref<answering> s = sys->spawn<answering>();
  CHECK(!sys->call(s, ask_yourself{}));
  CHECK(sys->call(s, get{}) == 42);
}

TEST_CASE("a call is answered whatever else waits in the mailbox of its caller and stays there") {
  checked_system sys;
  const ref<answering> s = sys->spawn<answering>();
  sys->run([&](context self) -> task<> {
    constexpr int many = 20'000;
    for (int i = 0; i < many; ++i) self.send(self, other_mail{i});
    for (int i = 0; i < 100; ++i) CHECK(co_await self.call(s, get{}) == 42);
    for (int i = 0; i < many; ++i) {
      const int number = (co_await self.receive<other_mail>()).number;
      if (number != i) FAIL_CHECK("message " << number << " came in the place of " << i);
    }
  });
}
