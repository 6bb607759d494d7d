// Who is restarted, and what is told of it: scenarios of OTP's supervisor_SUITE that the tests of
// supervisors elsewhere do not show. See tests/otp/SCENARIOS.md.
#include "core/supervisor_support.hpp"

#include <algorithm>

using namespace troupe_test;
using troupe::auto_shutdown;
using troupe::child_counts;
using troupe::child_state;
using troupe::one_for_one;
using troupe::rest_for_one;
using troupe::supervisor_ref;

TEST_CASE("with one_for_one only the child that ended is restarted") {
  fixture f;
  f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b"), f.make("c")});
  const pid a = f.sys->whereis("a"), b = f.sys->whereis("b"), c = f.sys->whereis("c");
  f.crash_child("b");
  CHECK(f.happened() == "+a +b +c -b +b");
  CHECK(f.sys->whereis("a") == a);
  CHECK(f.sys->whereis("b") != b);
  CHECK(f.sys->whereis("c") == c);
}

TEST_CASE("a child that ends again and again is restarted as often as the intensity allows") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_one{.intensity = 4, .period = 1s}, {f.make("a")});
  CHECK(f.happened() == "+a");
  for (int i = 0; i < 4; ++i) {
    f.sys->exit(f.sys->whereis("a"), exit_reason::kill);
    CHECK(f.happened() == "-a +a");
  }
  CHECK(f.sys->alive(tree));
}

TEST_CASE("rest_for_one tries again from the child that fails to start") {
  fixture f;
  int failures = 0;
  f.sys->supervise(rest_for_one{.intensity = 5},
                   {f.make("a"), child<picky>("p", "p", f.writer(), [&] { return failures-- > 0; }),
                    f.make("z")});
  CHECK(f.happened() == "+a +p +z");
  failures = 2;
  f.crash_child("a");
  CHECK(f.happened() == "-a -z -p +a +p -p +p -p +p +z");
  f.sys.await_counts({.processes = 4, .links = 6, .names = 2});
}

TEST_CASE(
    "a group whose restart fails again and again rests when the child that fails is stopped") {
  fixture f;
  std::atomic<bool> fails{false};
  const auto silent = [](std::string) {};
  const supervisor_ref tree = f.sys->supervise(
      rest_for_one{.intensity = 1'000'000'000},
      {f.make("a"), child<picky>("p", "p", silent, [&] { return fails.load(); }).registered(),
       f.make("z")});
  CHECK(f.happened() == "+a +z");
  fails = true;
  f.crash_child("p");
  f.sys->run([&](context self) -> task<> {
    for (;;) {
      const auto all = co_await self.call(tree, troupe::which_children{});
      if (all[1].state != child_state::restarting) continue;
      CHECK(all[0].state == child_state::running);
      CHECK(all[2].state == child_state::stopped);  // it starts after the one that fails
      const auto counts = co_await self.call(tree, troupe::count_children{});
      CHECK(counts == child_counts{.specs = 3, .active = 1, .workers = 3});
      break;
    }
    co_await self.call(tree, troupe::terminate_child{"p"});
  });
  CHECK(f.happened() == "-z");
  CHECK(f.sys->call(tree, troupe::which_children{})[1].state == child_state::stopped);
}

TEST_CASE("a group whose restart fails for good ends with its supervisor") {
  const auto history = [](auto how) {
    fixture f;
    bool fails = false;
    const pid tree = f.sys->supervise(
        how, {f.make("a"), f.make("b"), child<picky>("p", "p", f.writer(), [&] { return fails; })});
    CHECK(f.happened() == "+a +b +p");
    fails = true;
    f.crash_child("b");
    const std::string told = f.happened();
    CHECK(!f.sys->alive(tree));
    f.sys.await_counts({});
    return told;
  };
  CHECK(history(rest_for_one{.intensity = 2}) == "-b -p +b +p -p +p -p -b -a");
  CHECK(history(troupe::one_for_all{.intensity = 2}) ==
        "-b -p -a +a +b +p -p -b -a +a +b +p -p -b -a");
}

TEST_CASE("a stopped child whose start by request fails stays stopped and known") {
  fixture f;
  bool fails = false;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{.intensity = 0},
                       {child<picky>("p", "p", f.writer(), [&] { return fails; }), f.make("a")});
  f.sys->call(tree, troupe::terminate_child{"p"});
  fails = true;
  const auto no = refused(f, tree, troupe::restart_child{"p"});
  CHECK(no.why == troupe::child_refused::cause::start_failed);
  CHECK(no.reason == exit_reason::error("std::runtime_error", "no database"));
  CHECK(f.happened() == "+p +a -p +p -p");
  CHECK(state_of(f, tree, 0) == child_state::stopped);
  fails = false;
  CHECK(f.sys->call(tree, troupe::restart_child{"p"}));
}

TEST_CASE("a supervisor below counts as a supervisor and as one child") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(
      one_for_one{},
      {f.make("a"),
       troupe::supervisor("inner", one_for_one{}, {f.make("b"), f.make("c"), f.make("d")}),
       f.make("e")});
  CHECK(f.sys->call(tree, troupe::count_children{}) ==
        child_counts{.specs = 3, .active = 3, .supervisors = 1, .workers = 2});
  f.sys->call(tree, troupe::terminate_child{"inner"});
  CHECK(f.sys->call(tree, troupe::count_children{}) ==
        child_counts{.specs = 3, .active = 2, .supervisors = 1, .workers = 2});
}

TEST_CASE("children that are not significant end for good without their supervisor") {
  for (const auto when : {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    fixture f;
    const pid tree =
        f.sys->supervise(one_for_one{.auto_shutdown = when},
                         {f.make("a").transient().significant(), f.make("b").transient(),
                          f.make("c").temporary(), f.make("d").temporary()});
    f.sys->send("b", end_with{exit_reason::normal});
    CHECK(f.happened() == "+a +b +c +d -b");
    f.sys->send("c", end_with{exit_reason::shutdown});
    f.crash_child("d");
    (void)f.happened();
    f.sys.await_counts({.processes = 2, .links = 2, .names = 1});
    CHECK(f.sys->alive(tree));
  }
}

TEST_CASE("a supervisor whose significant children have ended stops those that are slow to stop") {
  fixture f;
  const auto slow = [](context self, write_to write) -> troupe::process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    co_await self.sleep(1s);
    write("stopped");
  };
  const pid tree =
      f.sys->supervise(one_for_one{.auto_shutdown = auto_shutdown::any_significant},
                       {child("slow", slow, f.writer()), f.make("a").temporary().significant()});
  f.crash_child("a");
  CHECK(f.happened() == "+a -a");
  CHECK(f.sys->alive(tree));
  f.clock->advance(1s + timer_tick);
  CHECK(f.happened() == "stopped");
  f.sys.await_counts({});
}

TEST_CASE("children that end while their supervisor stops hold nothing up") {
  for (const char* first : {"a", "b", "c"}) {
    fixture f;
    const pid tree = f.sys->supervise(one_for_one{.intensity = 9},
                                      {f.make("a"), f.make("b").transient(), f.make("c")});
    f.sys->send(first, end_with{exit_reason::normal});
    f.sys->exit(tree, exit_reason::shutdown);
    f.crash_child("a");
    f.sys->send("c", end_with{exit_reason::of(1)});
    (void)f.happened();
    CHECK(!f.sys->alive(tree));
    f.sys.await_counts({});
  }
}

TEST_CASE("a thousand children start in the order of their specifications and stop in reverse") {
  fixture f;
  std::vector<std::string> ids, told;
  const write_to write = [&](std::string entry) { told.push_back(std::move(entry)); };
  std::vector<troupe::child_spec> specs;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(std::to_string(i));
    specs.push_back(child<worker>(ids.back(), ids.back(), write));
  }
  const pid tree = f.sys->supervise(one_for_one{}, std::move(specs));
  f.sys->exit(tree, exit_reason::shutdown);
  // What happened before its end is told is seen by who is told.
  f.sys->run([&](context self) -> task<> { (void)co_await end_of(self, tree); });
  f.sys.await_counts({});
  REQUIRE(told.size() == 2 * ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(told[i] == '+' + ids[i]);
    CHECK(told[told.size() - 1 - i] == '-' + ids[i]);
  }
}
