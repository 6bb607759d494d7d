#include "core/supervisor_support.hpp"

#include "supervision/restart_delay.hpp"

using namespace troupe_test;
using troupe::backoff;
using troupe::child_state;
using troupe::one_for_all;
using troupe::one_for_one;
using troupe::rest_for_one;
using troupe::supervisor_ref;
using troupe::internal::restart_delay;

namespace {

constexpr std::uint64_t middle = std::uint64_t{1} << 63;  // as chance goes: neither way
constexpr std::uint64_t lowest = 0;
constexpr std::uint64_t highest = ~std::uint64_t{0};

troupe::steady_time at(std::chrono::nanoseconds t) { return troupe::steady_time(t); }

// A wait ends when a tick of the timer wheel does.
std::string after(fixture& f, std::chrono::nanoseconds wait) {
  CHECK(f.happened().empty());
  f.clock->advance(wait - 1ns);
  CHECK(f.happened().empty());
  f.clock->advance(1ns + timer_tick);
  return f.happened();
}

}  // namespace

// --- the arithmetic ---

TEST_CASE("waits grow by their factor up to the limit") {
  restart_delay d;
  const backoff how{.first = 100ms, .factor = 3, .limit = 1s, .jitter = 0};
  for (const auto wanted : {100ms, 300ms, 900ms, 1000ms, 1000ms})
    CHECK(d.next(how, at(0s), middle) == wanted);
}

TEST_CASE(
    "with a factor of one all waits are the same and with any factor they stay within the limit") {
  restart_delay d;
  for (int i = 0; i < 1000; ++i)
    CHECK(d.next({.first = 7ms, .factor = 1, .limit = 1s, .jitter = 0}, at(0s), highest) == 7ms);
  const backoff steep{.first = 1ns, .factor = 1e6, .limit = 24h * 365, .jitter = 0};
  for (int i = 0; i < 1000; ++i) CHECK(d.next(steep, at(0s), highest) <= 24h * 365);
}

TEST_CASE("chance moves a wait by the jitter at most in both directions") {
  const backoff how{.first = 100ms, .factor = 2, .limit = 1s, .jitter = 0.25};
  CHECK(restart_delay().next(how, at(0s), lowest) == 75ms);
  CHECK(restart_delay().next(how, at(0s), highest) == 125ms);
}

TEST_CASE("only a child that has run for longer than the limit begins anew") {
  restart_delay d;
  const backoff how{.first = 1s, .factor = 2, .limit = 10s, .jitter = 0};
  CHECK(d.next(how, at(0s), middle) == 1s);
  d.started(at(5s));
  CHECK(d.next(how, at(15s), middle) == 2s);   // not longer
  CHECK(d.next(how, at(100s), middle) == 4s);  // it had not started
  d.started(at(200s));
  CHECK(d.next(how, at(210s + 1ns), middle) == 1s);
}

// --- the supervisor ---

TEST_CASE("a child with a back-off waits before each restart and is restarting meanwhile") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(
      one_for_one{.intensity = 3},
      {f.make("a").backoff({.first = 100ms, .factor = 2, .limit = 1s, .jitter = 0}), f.make("b")});
  f.crash_child("a");
  CHECK(f.happened() == "+a +b -a");
  CHECK(state_of(f, tree, 0) == child_state::restarting);
  CHECK(after(f, 100ms) == "+a");
  CHECK(state_of(f, tree, 0) == child_state::running);
  f.crash_child("a");
  CHECK(f.happened() == "-a");
  CHECK(after(f, 200ms) == "+a");
  f.crash_child("a");
  CHECK(f.happened() == "-a");
  f.clock->advance(400ms + timer_tick);
  CHECK(f.happened() == "+a");
  f.crash_child("a");
  CHECK(f.happened() == "-a -b");  // each restart counts
}

TEST_CASE("waits with jitter lie where they may") {
  fixture f;
  f.sys->supervise(one_for_one{}, {f.make("a").backoff({.first = 100ms, .jitter = 0.5})});
  f.crash_child("a");
  CHECK(f.happened() == "+a -a");
  f.clock->advance(50ms - 1us);
  CHECK(f.happened().empty());
  f.clock->advance(100ms + 1us + timer_tick);
  CHECK(f.happened() == "+a");
}

TEST_CASE("a start that fails waits longer for the next try") {
  fixture f;
  int failures = 0;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{.intensity = 5},
                       {child<picky>("p", "p", f.writer(), [&] { return failures-- > 0; })
                            .registered()
                            .backoff({.first = 100ms, .factor = 2, .limit = 1s, .jitter = 0})});
  failures = 2;
  f.crash_child("p");
  CHECK(f.happened() == "+p -p");
  CHECK(after(f, 100ms) == "+p -p");
  CHECK(after(f, 200ms) == "+p -p");
  CHECK(after(f, 400ms) == "+p");
  CHECK(f.sys->alive(tree));
}

TEST_CASE("siblings that restart with a child stop at once and start when it does") {
  fixture f;
  f.sys->supervise(one_for_all{},
                   {f.make("a"), f.make("b").backoff({.first = 1s, .jitter = 0}), f.make("c")});
  f.crash_child("b");
  CHECK(f.happened() == "+a +b +c -b -c -a");
  CHECK(after(f, 1s) == "+a +b +c");
}

TEST_CASE("an earlier sibling that ends takes the restart of one that waits along") {
  fixture f;
  f.sys->supervise(rest_for_one{.intensity = 2},
                   {f.make("a"), f.make("b").backoff({.first = 1s, .jitter = 0}), f.make("c")});
  f.crash_child("b");
  CHECK(f.happened() == "+a +b +c -b -c");
  f.crash_child("a");
  CHECK(f.happened() == "-a +a +b +c");
  f.clock->advance(2s);
  CHECK(f.happened().empty());  // the wait is over with
}

TEST_CASE(
    "a child that waits can be terminated and a supervisor whose child waits can be stopped") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(one_for_one{.intensity = 2},
                                               {f.make("a").backoff({.first = 1s}), f.make("b")});
  f.crash_child("a");
  CHECK(f.happened() == "+a +b -a");
  f.sys->call(tree, troupe::terminate_child{"a"});
  f.sys.await_counts({.processes = 2, .links = 2, .names = 1});  // and no timer
  f.clock->advance(2s);
  CHECK(f.happened().empty());
  CHECK(f.sys->call(tree, troupe::restart_child{"a"}));
  f.crash_child("a");
  CHECK(f.happened() == "+a -a");
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-b");
  f.sys.await_counts({});
}

TEST_CASE("a back-off that makes no sense is refused by field") {
  fixture f;
  const auto with = [&](backoff how) {
    f.sys->supervise(one_for_one{}, {f.make("a").backoff(how)});
  };
  CHECK_THROWS_WITH(with({.first = 0s}), matchers::ContainsSubstring("child 'a': backoff.first:"));
  CHECK_THROWS_WITH(with({.factor = 0.5}), matchers::ContainsSubstring("backoff.factor:"));
  CHECK_THROWS_WITH(with({.first = 2s, .limit = 1s}),
                    matchers::ContainsSubstring("backoff.limit:"));
  CHECK_THROWS_WITH(with({.jitter = 1.5}), matchers::ContainsSubstring("backoff.jitter:"));
}
