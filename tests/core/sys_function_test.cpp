// What sys asks of processes that are functions, as supervisors and event managers are.
#include <troupe/event_manager.hpp>
#include <troupe/sys.hpp>

#include "core/support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::request;
using troupe::task;
namespace sys = troupe::sys;

namespace {

struct item {
  int value = 0;
};
struct flush {
  using reply = std::vector<int>;
};
struct quiet {};

// Keeps what it is sent and gives it when asked.
process collector(context self) {
  std::vector<int> all;
  for (;;)
    co_await self.receive([&](item i) { all.push_back(i.value); },
                          [&](request<flush> r) { r.reply(std::exchange(all, {})); });
}

// The same, takes all that comes, and counts what it does not know.
process omnivore(context self) {
  std::vector<int> all;
  for (;;)
    co_await self.receive([&](item i) { all.push_back(i.value); },
                          [&](request<flush> r) { r.reply(std::exchange(all, {})); },
                          [&](troupe::message) { all.push_back(-1); });
}

class idle : public troupe::server {
 public:
  using handles = troupe::messages<are_you_there>;
  void handle(are_you_there) {}
};

// Until the process has so much mail; it is taken in when it next looks.
task<> await_mail(context self, pid process, std::uint64_t count) {
  while ((co_await self.call(process, sys::get_status{})).mailbox < count) co_await self.yield();
}

}  // namespace

TEST_CASE("get_status is answered by a function wherever it receives, which does not notice") {
  checked_system system;
  system->run([](context self) -> task<> {
    for (const auto function : {collector, omnivore}) {
      const auto p = self.spawn_with({.name = "all"}, function);
      self.send(p.id, item{1});
      const sys::status told = co_await self.call("all", sys::get_status{});
      CHECK(told.process == p.id);
      CHECK(told.name == "all");
      CHECK(told.parent == self.id());
      CHECK(!told.suspended);
      CHECK(co_await self.call(p.id, flush{}) == std::vector{1});
      self.exit(p.id, exit_reason::kill);
      (void)co_await end_of(self, p.id);
    }
  });
}

TEST_CASE("a function that receives a request of sys itself gets it") {
  checked_system system;
  system->run([](context self) -> task<> {
    const pid p = self.spawn([](context me) -> process {
      auto asked = co_await me.receive<request<sys::get_status>>();
      asked.reply(sys::status{.name = "of its own"});
    });
    CHECK((co_await self.call(p, sys::get_status{})).name == "of its own");
  });
}

TEST_CASE("a suspended function is given nothing until it is resumed and then all in order") {
  checked_system system;
  system->run([](context self) -> task<> {
    for (const auto function : {collector, omnivore}) {
      const pid p = self.spawn(function);
      self.send(p, item{1});
      co_await self.call(p, sys::suspend{});
      self.send(p, item{2});
      auto asked = self.send_request(p, flush{});
      self.send(p, item{3});
      const auto status = co_await self.call(p, sys::get_status{});
      CHECK(status.suspended);
      CHECK(status.mailbox == 3);
      co_await self.call(p, sys::suspend{});  // it is already
      co_await self.call(p, sys::resume{});
      auto then = co_await asked;
      REQUIRE(then);
      CHECK(*then == std::vector{1, 2});
      co_await self.call(p, sys::resume{});  // it is not
      CHECK(co_await self.call(p, flush{}) == std::vector{3});
    }
  });
}

TEST_CASE("the time limit of a receive waits while its function is suspended") {
  checked_system system;
  system->run([](context self) -> task<> {
    const pid me = self.id();
    const pid p = self.spawn([me](context own) -> process {
      (void)co_await own.receive_within<item>(2ms);
      own.send(me, quiet{});
      (void)co_await own.receive<item>();
    });
    co_await self.call(p, sys::suspend{});
    if (!co_await self.receive_within<quiet>(0ns)) {  // else the limit was over before
      CHECK(!co_await self.receive_within<quiet>(10ms));
      co_await self.call(p, sys::resume{});
      (void)co_await self.receive<quiet>();
    }
  });
}

TEST_CASE("a suspended function ends by an exit signal, and if it traps exits by its parent's") {
  checked_system system;
  system->run([](context self) -> task<> {
    const pid plain = self.spawn(collector);
    co_await self.call(plain, sys::suspend{});
    self.exit(plain, exit_reason::shutdown);
    const exit_reason end = co_await end_of(self, plain);
    CHECK((end == exit_reason::shutdown || end == exit_reason::noproc));

    const pid trapping = self.spawn([](context own) -> process {
      own.trap_exits(true);
      for (;;) {
        auto e = co_await own.receive<troupe::exit_signal>();
        if (e.from == own.parent()) own.exit(exit_reason::shutdown_with(1));
      }
    });
    co_await self.call(trapping, sys::suspend{});
    const pid stranger = self.spawn([trapping](context own) -> process {
      own.exit(trapping, exit_reason::shutdown);
      co_return;
    });
    (void)co_await end_of(self, stranger);
    co_await await_mail(self, trapping, 1);
    CHECK((co_await self.call(trapping, sys::get_status{})).suspended);
    const auto ref = self.monitor(trapping);
    self.exit(trapping, exit_reason::shutdown);
    CHECK((co_await self.receive<down>([ref](const down& d) { return d.ref == ref; })).reason ==
          exit_reason::shutdown_with(1));
  });
}

TEST_CASE("statistics and traces tell of a function's messages as of a server's") {
  checked_system system;
  system->run([](context self) -> task<> {
    const pid p = self.spawn(omnivore);
    self.send(p, item{1});
    co_await self.call(p, sys::statistics{});
    co_await self.call(p, sys::trace{.to = self.id()});
    self.send(p, item{2});
    (void)co_await self.call(p, flush{});
    const auto counted = (co_await self.call(p, sys::get_status{})).statistics;
    REQUIRE(counted);
    CHECK(counted->messages == 2);
    CHECK(counted->requests == 1);
    co_await self.call(p, sys::trace{.on = false});
    co_await self.call(p, sys::statistics{.on = false});
    self.send(p, item{3});
    CHECK(co_await self.call(p, flush{}) == std::vector{3});
    std::vector<std::string> told;
    while (auto t = co_await self.receive_within<sys::traced>(0ns))
      told.push_back((t->event == sys::traced::what::taken ? "taken " : "handled ") + t->message);
    REQUIRE(told.size() == 4);
    CHECK_THAT(told[0], matchers::StartsWith("taken ") && matchers::EndsWith("item{2}"));
    CHECK_THAT(told[1], matchers::StartsWith("handled ") && matchers::EndsWith("item"));
    CHECK_THAT(told[2], matchers::StartsWith("taken ") && ContainsSubstring("flush"));
    CHECK_THAT(told[3], matchers::StartsWith("handled ") && matchers::EndsWith("flush"));
    auto refused = co_await self.try_call(p, sys::trace{.to = p});
    REQUIRE(!refused);
    CHECK_THAT(to_string(refused.reason()), ContainsSubstring("cannot be traced by itself"));
  });
}

TEST_CASE("a suspended supervisor restarts nothing before it is resumed") {
  checked_system system;
  const auto tree =
      system->supervise(troupe::one_for_one{}, {troupe::child<idle>("a").registered()});
  system->run([&](context self) -> task<> {
    CHECK((co_await self.call(tree, sys::get_status{})).behaviour == "troupe::supervisor");
    co_await self.call(tree, sys::suspend{});
    self.exit(self.whereis("a"), exit_reason::kill);
    co_await await_mail(self, tree, 1);
    CHECK(!self.whereis("a"));
    co_await self.call(tree, sys::resume{});
    CHECK((co_await self.call(tree, troupe::which_children{})).front().restarts == 1);
    CHECK(self.whereis("a"));
  });
}

TEST_CASE("terminate stops a supervisor with its children, suspended or not") {
  checked_system system;
  for (const bool suspended : {false, true}) {
    const auto tree = system->supervise(
        troupe::one_for_one{}, {troupe::child<idle>("a").registered(),
                                supervisor("sessions", troupe::dynamic{}, troupe::child<idle>())});
    system->run([&](context self) -> task<> {
      const auto of_a = self.monitor(self.whereis("a"));
      const auto ref = self.monitor(tree);
      if (suspended) co_await self.call(tree, sys::suspend{});
      co_await self.call(tree, sys::terminate{exit_reason::shutdown_with(std::string("sold"))});
      const auto ended = co_await self.receive<down>([&](const down& d) { return d.ref == ref; });
      CHECK(ended.reason == exit_reason::shutdown_with(std::string("sold")));
      const auto gone = co_await self.receive<down>([&](const down& d) { return d.ref == of_a; });
      CHECK(gone.reason == exit_reason::shutdown);
    });
  }
}

TEST_CASE("a supervisor stops a suspended one below it, whose children stop first") {
  checked_system system;
  const auto top = system->supervise(
      troupe::one_for_one{},
      {supervisor("below", troupe::one_for_one{}, {troupe::child<idle>("a").registered()})});
  system->run([&](context self) -> task<> {
    const auto below = (co_await self.call(top, troupe::which_children{})).front().process;
    const auto of_a = self.monitor(self.whereis("a"));
    co_await self.call(below, sys::suspend{});
    co_await self.call(top, troupe::terminate_child{"below"}, troupe::infinity);
    const auto gone = co_await self.receive_within<down>(0ns);
    REQUIRE(gone);
    CHECK(gone->ref == of_a);
    CHECK(gone->reason == exit_reason::shutdown);
  });
}

TEST_CASE("dynamic supervisors and event managers understand sys, too") {
  class listener : public troupe::event_handler {
   public:
    using handles = troupe::messages<item>;
    explicit listener(pid to) : to_(to) {}
    void handle(const item& i) { self.send(to_, i); }

   private:
    pid to_;
  };
  checked_system system;
  const auto sessions = system->supervise(troupe::dynamic{}, troupe::child<idle>());
  system->run([&](context self) -> task<> {
    co_await self.call(sessions, sys::suspend{});
    auto started = self.send_request(sessions, troupe::start_with<>());
    co_await await_mail(self, sessions, 1);
    CHECK((co_await self.call(sessions, sys::get_status{})).suspended);
    co_await self.call(sessions, sys::resume{});
    CHECK(co_await started);

    const auto manager = start_event_manager(self, {}, {troupe::handler<listener>("l", self.id())});
    co_await self.call(manager, sys::suspend{});
    self.send(manager, item{4});
    co_await await_mail(self, manager, 1);
    CHECK(!co_await self.receive_within<item>(0ns));
    co_await self.call(manager, sys::resume{});
    CHECK((co_await self.receive<item>()).value == 4);
    const auto ref = self.monitor(manager);
    co_await self.call(manager, sys::terminate{exit_reason::shutdown});
    CHECK((co_await self.receive<down>([&](const down& d) { return d.ref == ref; })).reason ==
          exit_reason::shutdown);
  });
}

TEST_CASE("a look into a function fails with a text that says what it is") {
  checked_system system;
  system->run([](context self) -> task<> {
    const pid p = self.spawn(omnivore);
    try {
      co_await sys::get_state(self, troupe::ref<idle>(p), [](const idle&) {});
      FAIL("a function has no state");
    } catch (const troupe::call_error& e) {
      CHECK_THAT(e.what(), ContainsSubstring("sys::wrong_class") &&
                               ContainsSubstring("has no state to look at"));
    }
    CHECK((co_await self.call(p, flush{})).empty());
  });
}
