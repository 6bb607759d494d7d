#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::down;
using troupe::log_level;
using troupe::one_for_all;
using troupe::one_for_one;
using troupe::process;
using troupe::rest_for_one;
using troupe::restart_type;
using troupe::start_failed;

// --- start and stop ---

TEST_CASE("children start in order, each when the one before is through, and stop in reverse") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b"), f.make("c")});
  CHECK(f.book.take() == "+a +b +c");  // all had started when supervise returned
  CHECK(f.sys->alive(tree));
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-c -b -a");
  CHECK(!f.sys->alive(tree));
  f.sys.await_counts({});
}

TEST_CASE("a child that fails to start stops those started, in reverse, and supervise says why") {
  fixture f;
  const auto tree = [&] {
    f.sys->supervise(one_for_one{},
                     {f.make("a"), f.make("b"),
                      child<picky>("c", "c", f.writer(), [] { return true; }), f.make("d")});
  };
  CHECK_THROWS_WITH(tree(), matchers::ContainsSubstring("child c") &&
                                matchers::ContainsSubstring("std::runtime_error: no database"));
  CHECK(f.happened() == "+a +b +c -c -b -a");
  CHECK_THROWS_AS(tree(), start_failed);  // the names of a and b are free again
  CHECK_THAT(f.sys.log->text(), matchers::ContainsSubstring("child c") &&
                                    matchers::ContainsSubstring("did not start"));
  f.sys.await_counts({});
}

TEST_CASE("a child whose name is taken does not start, and supervise names who holds it") {
  fixture f;
  const pid holder = f.sys->spawn_with({.name = "b"}, idler);
  CHECK_THROWS_WITH(f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b")}),
                    matchers::ContainsSubstring("child b") &&
                        matchers::ContainsSubstring("the name b is taken by " + to_string(holder)));
  CHECK(f.happened() == "+a -a");
  f.sys.await_counts({.processes = 1, .names = 1});
}

TEST_CASE("a supervisor without children runs and stops") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {});
  f.sys.await_counts({.processes = 1});
  f.sys->exit(tree, exit_reason::shutdown);
  f.sys.await_counts({});
}

TEST_CASE("a system that ends stops its trees in reverse order of their start") {
  diary book;
  {
    troupe::system sys({.workers = 1, .log = std::make_shared<recorded_log>()});
    const write_to write = [&](std::string entry) { book.add(std::move(entry)); };
    sys.supervise(one_for_one{}, {child<worker>("a", "a", write), child<worker>("b", "b", write)});
    sys.supervise(one_for_one{}, {child<worker>("c", "c", write)});
    CHECK(book.take() == "+a +b +c");
  }
  CHECK(book.take() == "-c -b -a");
}

// --- restart types, cell by cell ---

TEST_CASE("each restart type restarts after exactly the ends that OTP says") {
  struct ending {
    const char* name;
    std::function<void(troupe::system&)> cause;
    bool expected;
  };
  const auto told = [](exit_reason reason) {
    return [reason](troupe::system& s) { s.send("a", end_with{reason}); };
  };
  const ending endings[] = {
      {"normal", told(exit_reason::normal), true},
      {"shutdown", told(exit_reason::shutdown), true},
      {"shutdown with a value", told(exit_reason::shutdown_with(std::string("moved"))), true},
      {"a reason of its own", told(exit_reason::of(5)), false},
      {"an exception", [](troupe::system& s) { s.send("a", crash{"x"}); }, false},
      {"a kill", [](troupe::system& s) { s.exit(s.whereis("a"), exit_reason::kill); }, false},
      {"an exit signal", [](troupe::system& s) { s.exit(s.whereis("a"), exit_reason::of(6)); },
       false},
      {"noconnection", told(exit_reason::noconnection), false},
  };
  for (const restart_type type :
       {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
    for (const ending& e : endings) {
      INFO("type " << static_cast<int>(type) << ", end: " << e.name);
      fixture f;
      f.sys->supervise(one_for_one{}, {f.make("z"), f.make("a").restarted(type), f.make("b")});
      CHECK(f.book.take() == "+z +a +b");
      const pid before = f.sys->whereis("a");
      e.cause(*f.sys);
      const bool restarts =
          type == restart_type::permanent || (type == restart_type::transient && !e.expected);
      // Its siblings notice nothing.
      CHECK(f.happened() == (restarts ? "-a +a" : "-a"));
      const pid after = f.sys->whereis("a");
      CHECK(static_cast<bool>(after) == restarts);
      CHECK(after != before);
      if (restarts) f.sys->call("a", are_you_there{});
      f.sys.await_counts(
          {.processes = restarts ? 4 : 3, .links = restarts ? 6 : 4, .names = restarts ? 3 : 2});
    }
  }
}

TEST_CASE("a process function is a child too, and a return is a normal end") {
  fixture f;
  const auto body = [](context self, write_to write) -> process {
    write("+f");
    (void)co_await self.receive<return_now>();
    write("-f");
  };
  f.sys->supervise(one_for_one{}, {child("p", body, f.writer()).registered(),
                                   child("t", body, f.writer()).registered().transient()});
  CHECK(f.happened() == "+f +f");
  f.sys->send("t", return_now{});
  CHECK(f.happened() == "-f");
  f.sys->send("p", return_now{});
  CHECK(f.happened() == "-f +f");
  CHECK(f.sys->whereis("p"));
  CHECK(!f.sys->whereis("t"));
}

TEST_CASE("a restarted server is made anew from the arguments of its specification") {
  fixture f;
  class growing : public troupe::server {
   public:
    struct grow {
      using reply = std::string;
    };
    using handles = troupe::messages<grow, crash>;
    explicit growing(std::string text) : text_(std::move(text)) {}
    std::string handle(grow) { return text_ += '!'; }
    void handle(crash c) { throw std::runtime_error(c.text); }

   private:
    std::string text_;
  };
  f.sys->supervise(one_for_one{.intensity = 5},
                   {child<growing>("g", std::string("a text that is not short")).registered()});
  for (int i = 0; i < 3; ++i) {
    CHECK(f.sys->call("g", growing::grow{}) == "a text that is not short!");
    CHECK(f.sys->call("g", growing::grow{}) == "a text that is not short!!");
    f.sys->send("g", crash{"again"});
    (void)f.happened();
  }
}

// --- strategies ---

TEST_CASE("one_for_all stops the others in reverse and starts all in order") {
  fixture f;
  f.sys->supervise(one_for_all{}, {f.make("a"), f.make("b"), f.make("c")});
  CHECK(f.book.take() == "+a +b +c");
  f.crash_child("b");
  CHECK(f.happened() == "-b -c -a +a +b +c");
  f.sys.await_counts({.processes = 4, .links = 6, .names = 3});
}

TEST_CASE("rest_for_one restarts those that were started later, and no others") {
  fixture f;
  f.sys->supervise(rest_for_one{.intensity = 2},
                   {f.make("a"), f.make("b"), f.make("c"), f.make("d")});
  CHECK(f.book.take() == "+a +b +c +d");
  f.crash_child("b");
  CHECK(f.happened() == "-b -d -c +b +c +d");
  f.crash_child("d");
  CHECK(f.happened() == "-d +d");
}

TEST_CASE("temporary siblings that are stopped with the others do not come back") {
  fixture f;
  f.sys->supervise(one_for_all{.intensity = 2},
                   {f.make("a").temporary(), f.make("b"), f.make("c").temporary(), f.make("d")});
  CHECK(f.book.take() == "+a +b +c +d");
  f.crash_child("b");
  CHECK(f.happened() == "-b -d -c -a +b +d");
  f.crash_child("d");
  CHECK(f.happened() == "-d -b +b +d");
}

TEST_CASE("a transient child that has ended well is started again with its siblings") {
  fixture f;
  f.sys->supervise(one_for_all{}, {f.make("a").transient(), f.make("b")});
  f.sys->send("a", end_with{exit_reason::normal});
  CHECK(f.happened() == "+a +b -a");
  f.crash_child("b");
  CHECK(f.happened() == "-b +a +b");
}

TEST_CASE("one crash counts once, however many children restart with it") {
  fixture f;
  const pid tree =
      f.sys->supervise(one_for_all{.intensity = 1}, {f.make("a"), f.make("b"), f.make("c")});
  f.crash_child("a");
  (void)f.happened();
  CHECK(f.sys->alive(tree));
  f.crash_child("a");
  (void)f.happened();
  CHECK(!f.sys->alive(tree));
}

// --- intensity ---

TEST_CASE(
    "a supervisor that restarts too often stops its children, says why and ends with shutdown") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid tree = co_await self.blocking([&] {
      return f.sys->supervise(one_for_one{.intensity = 2, .period = 10s},
                              {f.make("a"), f.make("b"), f.make("c")});
    });
    const auto ref = self.monitor(tree);
    for (int i = 0; i < 2; ++i) {
      f.crash_child("b");
      co_await settle(self);
      f.clock->advance(5s);
    }
    CHECK(f.book.take() == "+a +b +c -b +b -b +b");
    CHECK_THAT(f.sys.log->text(), !matchers::ContainsSubstring("too often"));
    // The first restart is exactly the period old: it counts.
    f.crash_child("b");
    const auto ended = co_await self.receive<down>([&](const down& d) { return d.ref == ref; });
    CHECK(ended.reason == exit_reason::shutdown);
    CHECK(f.book.take() == "-b -c -a");
    CHECK_THAT(f.sys.log->text(log_level::error),
               matchers::ContainsSubstring("child b") &&
                   matchers::ContainsSubstring("restarted too often") &&
                   matchers::ContainsSubstring(to_string(tree)));
  });
  f.sys.await_counts({});
}

TEST_CASE("restarts older than the period are forgotten") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{.intensity = 1, .period = 10s}, {f.make("a")});
  for (int i = 0; i < 5; ++i) {
    f.crash_child("a");
    (void)f.happened();
    CHECK(f.sys->alive(tree));
    f.clock->advance(10s + 1ns);
  }
}

TEST_CASE("an intensity of zero allows no restart") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{.intensity = 0}, {f.make("a"), f.make("b")});
  f.crash_child("a");
  CHECK(f.happened() == "+a +b -a -b");
  CHECK(!f.sys->alive(tree));
}

TEST_CASE("the defaults are OTP's: one restart in five seconds, five seconds to shut down") {
  CHECK(one_for_one{}.intensity == 1);
  CHECK(one_for_one{}.period == 5s);
  fixture f;
  CHECK(f.make("a").record().policy.shutdown == 5s);
  CHECK(f.make("a").record().policy.type == restart_type::permanent);
  CHECK(troupe::supervisor("s", one_for_one{}, {}).record().policy.shutdown == troupe::infinity);
}

TEST_CASE("a restart that fails is tried again, and each try counts") {
  fixture f;
  int failures = 0;  // written before the child that reads it is told to end
  const pid tree = f.sys->supervise(one_for_one{.intensity = 3},
                                    {f.make("a"), child<picky>("p", "p", f.writer(), [&] {
                                                    return failures-- > 0;
                                                  }).registered()});
  CHECK(f.book.take() == "+a +p");
  failures = 2;
  f.crash_child("p");
  CHECK(f.happened() == "-p +p -p +p -p +p");  // the third try succeeds
  CHECK(f.sys->alive(tree));
  f.sys->call("p", are_you_there{});
  failures = 100;
  f.crash_child("p");
  CHECK(f.happened() == "-p -a");  // it was the fourth restart within the period
  CHECK(!f.sys->alive(tree));
}

TEST_CASE("one_for_all tries the whole group again when one of it fails to start") {
  fixture f;
  int failures = 0;
  f.sys->supervise(one_for_all{.intensity = 5},
                   {f.make("a"), child<picky>("p", "p", f.writer(), [&] { return failures-- > 0; }),
                    f.make("z")});
  CHECK(f.book.take() == "+a +p +z");
  failures = 1;
  f.crash_child("a");
  CHECK(f.happened() == "-a -z -p +a +p -p -a +a +p +z");
  f.sys.await_counts({.processes = 4, .links = 6, .names = 2});
}

TEST_CASE("an order to stop is heard between two tries of a restart that fails") {
  fixture f;
  std::atomic<bool> fail{false};
  std::atomic<int> tries{0};
  const pid tree =
      f.sys->supervise(one_for_one{.intensity = 1'000'000'000}, {child<picky>(
                                                                     "p", "p", [](std::string) {},
                                                                     [&] {
                                                                       ++tries;
                                                                       return fail.load();
                                                                     })
                                                                     .registered()});
  fail = true;
  f.crash_child("p");
  f.sys->run([&](context self) -> task<> {
    while (tries < 10) co_await self.yield();
    const auto ref = self.monitor(tree);
    f.sys->exit(tree, exit_reason::shutdown);
    const auto ended = co_await self.receive<down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::shutdown);
  });
  f.sys.await_counts({});
}

// --- shutdown of a child ---

namespace {

struct was_asked {
  pid who;
  exit_reason reason;
};
// Traps exits, reports each exit signal and does not end by it.
process stubborn(context self, pid report) {
  self.trap_exits(true);
  for (;;) {
    auto e = co_await self.receive<troupe::exit_signal>();
    self.send(report, was_asked{self, std::move(e.reason)});
  }
}

}  // namespace

TEST_CASE("a child that does not end within its shutdown time is killed then, and not before") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid tree = co_await self.blocking([&, me = self.id()] {
      return f.sys->supervise(one_for_one{},
                              {f.make("a"), child("s", stubborn, me).shutdown(7s).registered()});
    });
    co_await settle(self);
    const pid child = self.whereis("s");
    const auto ref = self.monitor(child);
    f.sys->exit(tree, exit_reason::shutdown);
    CHECK((co_await self.receive<was_asked>()).reason == exit_reason::shutdown);
    f.clock->advance(7s - 1ns);
    co_await settle(self);
    CHECK(!co_await self.receive_within<down>(0ms));
    CHECK(f.book.take() == "+a");  // who was started before waits for its turn to stop
    f.clock->advance(1ns + timer_tick);
    const auto killed = co_await self.receive<down>();
    CHECK(killed.ref == ref);
    CHECK(killed.reason == exit_reason::killed);
    CHECK(co_await end_of(self, tree) != exit_reason::killed);
    CHECK(f.book.take() == "-a");
    CHECK_THAT(f.sys.log->text(log_level::error),
               matchers::ContainsSubstring("child s") && matchers::ContainsSubstring("killed"));
  });
}

TEST_CASE(
    "a child with brutal_kill is killed at once, without being asked, and that is no failure") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid tree = co_await self.blocking([&, me = self.id()] {
      return f.sys->supervise(one_for_one{}, {child("s", stubborn, me).brutal_kill().registered()});
    });
    co_await settle(self);
    const auto ref = self.monitor(self.whereis("s"));
    f.sys->exit(tree, exit_reason::shutdown);
    const auto killed = co_await self.receive<down>();
    CHECK(killed.ref == ref);
    CHECK(killed.reason == exit_reason::killed);
    CHECK(!co_await self.receive_within<was_asked>(0ms));
    (void)co_await end_of(self, tree);
  });
  CHECK(f.sys.log->text().empty());
}

TEST_CASE("a child with an infinite shutdown is waited for however long it takes") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid tree = co_await self.blocking([&, me = self.id()] {
      return f.sys->supervise(one_for_one{},
                              {child("s", stubborn, me).shutdown(troupe::infinity).registered()});
    });
    co_await settle(self);
    const pid s = self.whereis("s");
    f.sys->exit(tree, exit_reason::shutdown);
    (void)co_await self.receive<was_asked>();
    f.clock->advance(24h * 365);
    co_await settle(self);
    CHECK(f.sys->alive(s));
    CHECK(f.sys->alive(tree));
    self.exit(s, exit_reason::kill);
    (void)co_await end_of(self, tree);
  });
}

TEST_CASE("children that have unlinked themselves, alive or gone, do not hold up a supervisor") {
  fixture f;
  const auto unlinked = [](context self, bool stays) -> process {
    self.unlink(self.parent());
    if (stays) (void)co_await self.receive<return_now>();
  };
  const pid tree = f.sys->supervise(
      one_for_one{}, {child("alive", unlinked, true), child("gone", unlinked, false), f.make("a")});
  CHECK(f.happened() == "+a");
  f.sys.await_counts({.processes = 3, .links = 2, .names = 1});
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-a");
  f.sys.await_counts({});
}

TEST_CASE("a server that traps exits stops when its supervisor says so, and terminate is told") {
  fixture f;
  class trapping : public worker {
   public:
    trapping(std::string id, write_to write) : worker(id, write), write_(std::move(write)) {
      self.trap_exits(true);
    }
    void terminate(const exit_reason& why) override { write_("terminate:" + to_string(why)); }

   private:
    write_to write_;
  };
  const pid tree = f.sys->supervise(
      one_for_one{},
      {child<trapping>("t", "t", f.writer()).shutdown(troupe::infinity).registered()});
  f.sys->exit(f.sys->whereis("t"), exit_reason::shutdown);  // from others it is a message
  CHECK(f.happened() == "+t");
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "terminate:shutdown -t");
  f.sys.await_counts({});
}

TEST_CASE("a child that ends in another way than it was asked to is reported") {
  fixture f;
  const auto failing = [](context self) -> process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    throw std::runtime_error("cannot flush");
  };
  const pid tree = f.sys->supervise(one_for_one{}, {child("f", failing), f.make("a")});
  (void)f.happened();
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-a");
  CHECK(!f.sys->alive(tree));
  CHECK_THAT(f.sys.log->text(), matchers::ContainsSubstring("was to stop and ended with") &&
                                    matchers::ContainsSubstring("cannot flush"));
}

TEST_CASE(
    "exit signals from strangers do not stop a supervisor, and a kill takes its children along") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b")});
  f.sys->run([&](context self) -> task<> {
    self.exit(tree, exit_reason::shutdown);
    self.exit(tree, exit_reason::of(1));
    co_await settle(self);
    CHECK(f.sys->alive(tree));
    CHECK(f.book.take() == "+a +b");
  });
  f.sys->exit(tree, exit_reason::kill);
  const std::string ends = f.happened();
  CHECK((ends == "-a -b" || ends == "-b -a"));
  f.sys.await_counts({});
}

TEST_CASE("other messages to a supervisor are logged and dropped, and it goes on") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {f.make("a")});
  for (int i = 0; i < 100; ++i) f.sys->send(tree, return_now{});
  f.crash_child("a");
  CHECK(f.happened() == "+a -a +a");
  CHECK_THAT(f.sys.log->text(), matchers::ContainsSubstring("does not handle"));
}

// --- trees ---

TEST_CASE("supervisors are children: a tree starts depth first and stops in reverse") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_one{},
      {f.make("a"), troupe::supervisor("s", one_for_all{}, {f.make("b"), f.make("c")}),
       f.make("d")});
  CHECK(f.book.take() == "+a +b +c +d");
  f.crash_child("b");
  CHECK(f.happened() == "-b -c +b +c");  // the inner strategy, among its own
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-d -c -b -a");
  f.sys.await_counts({});
}

TEST_CASE("a supervisor that gives up is restarted by the one above it") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_one{.intensity = 1},
      {troupe::supervisor("inner", one_for_one{.intensity = 0}, {f.make("a"), f.make("b")})});
  CHECK(f.book.take() == "+a +b");
  f.crash_child("a");
  CHECK(f.happened() == "-a -b +a +b");
  f.crash_child("a");
  CHECK(f.happened() == "-a -b");
  CHECK(!f.sys->alive(tree));
  f.sys.await_counts({});
}

TEST_CASE("a transient supervisor that gives up is not restarted, for its end is shutdown") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_one{},
      {troupe::supervisor("inner", one_for_one{.intensity = 0}, {f.make("a")}).transient(),
       f.make("b")});
  f.crash_child("a");
  CHECK(f.happened() == "+a +b -a");
  CHECK(f.sys->alive(tree));
}

TEST_CASE("a start that fails deep in a tree undoes the whole tree and says where") {
  fixture f;
  CHECK_THROWS_WITH(
      f.sys->supervise(
          one_for_one{},
          {f.make("a"), troupe::supervisor("inner", one_for_one{},
                                           {f.make("b"), child<picky>("c", "c", f.writer(),
                                                                      [] { return true; })})}),
      matchers::ContainsSubstring("child inner") && matchers::ContainsSubstring("child c") &&
          matchers::ContainsSubstring("no database"));
  CHECK(f.happened() == "+a +b +c -c -b -a");
  f.sys.await_counts({});
}

// --- reports ---

TEST_CASE("a crash is reported by the process and by its supervisor, with names and reason") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {f.make("a")});
  const pid a = f.sys->whereis("a");
  f.crash_child("a");
  (void)f.happened();
  const std::string log = f.sys.log->text(log_level::error);
  CHECK_THAT(log, matchers::ContainsSubstring("process " + to_string(a) + " a (") &&
                      matchers::ContainsSubstring("crashed: error std::runtime_error: of a") &&
                      matchers::ContainsSubstring("parent " + to_string(tree)) &&
                      matchers::ContainsSubstring("crash, mailbox length 0"));
  CHECK_THAT(log, matchers::ContainsSubstring("supervisor " + to_string(tree) + ": child a " +
                                              to_string(a) + " ended with"));
}

TEST_CASE("an end that was meant is no error in the log") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{}, {f.make("a").transient(), f.make("b")});
  f.sys->send("a", end_with{exit_reason::normal});
  (void)f.happened();
  f.sys->exit(tree, exit_reason::shutdown);
  (void)f.happened();
  CHECK(f.sys.log->text().empty());
  CHECK_THAT(
      f.sys.log->text(log_level::info),
      matchers::ContainsSubstring("child a") && matchers::ContainsSubstring("ended with: normal"));
}

// --- load ---

TEST_CASE("a tree of many children survives a storm of crashes on several workers") {
  checked_system sys({.workers = 4});
  constexpr int children = 50;
  class restless : public troupe::server {
   public:
    using handles = troupe::messages<crash, are_you_there>;
    void handle(crash c) { throw std::runtime_error(c.text); }
    void handle(are_you_there) {}
  };
  std::vector<troupe::child_spec> specs;
  for (int i = 0; i < children; ++i)
    specs.push_back(child<restless>("c" + std::to_string(i)).registered());
  const pid tree = sys->supervise(one_for_one{.intensity = 1'000'000}, std::move(specs));
  for (int round = 0; round < 20; ++round)
    for (int i = 0; i < children; ++i) sys->send("c" + std::to_string(i), crash{"storm"});
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < children; ++i)
      while (!(co_await self.try_call("c" + std::to_string(i), are_you_there{}, troupe::infinity)))
        co_await self.yield();
  });
  sys.await_counts({.processes = children + 1, .links = 2 * children, .names = children});
  sys->exit(tree, exit_reason::shutdown);
  sys.await_counts({});
}
