#include <troupe/net/isolated.hpp>

#include <unistd.h>

#include <csignal>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "net/peer_program.hpp"

using namespace troupe_test;
using troupe::child_spec;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
using troupe::net::isolated_child;
using troupe::net::node_error;
using troupe::net::peer_ended;
using troupe::net::peer_options;

namespace {

// A node, and a supervisor with children in OS processes of their own.
struct isolated {
  test_node a{{}, "a"};

  void run(std::function<task<>(context)> test, std::vector<child_spec> children) {
    const pid tree = a.system.supervise(troupe::one_for_one{.intensity = 100}, std::move(children));
    a.system.run(std::move(test));
    a.system.run([&](context self) -> task<> {
      (void)co_await troupe_test::end_of(self, tree,
                                         [&] { a.system.exit(tree, exit_reason::shutdown); });
    });
    CHECK(no_child_is_left());
  }
  [[nodiscard]] child_spec fragile(int start, peer_options how = peer_program()) const {
    return isolated_child("fragile", *a.node, std::move(how), "fragile", start);
  }
};

// The process of that name, once it is another one.
task<pid> next(context self, std::string name, pid before) {
  (void)co_await comes_true(self, [&] {
    const pid now = self.whereis(name);
    return now && now != before;
  });
  co_return self.whereis(name);
}

template <class How>
task<exit_reason> end_by(context self, std::string name, How how) {
  const pid child = self.whereis(name);
  co_return co_await end_of(self, child, [&] { self.send(child, how); });
}

}  // namespace

TEST_CASE("an isolated child is another OS process and answers as if it were none") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        CHECK(co_await self.call({"fragile"}, ask{1}) == 42);
        CHECK(co_await self.call({"fragile"}, tell_os_process{}) != ::getpid());
        const pid child = self.whereis("fragile");
        CHECK(co_await self.call(child, ask{2}) == 43);
      },
      {of.fragile(41)});
}

TEST_CASE(
    "a signal that ends an isolated child is the crash of one child, which is started again") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
          const pid before = self.whereis("fragile");
          const auto why = co_await end_by(self, "fragile", crash{signal});
          const auto* ended = why.get_if<peer_ended>();
          REQUIRE(ended != nullptr);
          CHECK(ended->signal == signal);
          const pid after = co_await next(self, "fragile", before);
          CHECK(after != before);
          CHECK(co_await self.call(after, ask{1}) == 2);
        }
      },
      {of.fragile(1)});
}

TEST_CASE("a program that ends with a status is the crash of one child, which tells the status") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        // Its end and that of its connection are seen in either order.
        for (int status = 1; status <= 10; ++status) {
          const pid before = self.whereis("fragile");
          const auto why = co_await end_by(self, "fragile", end_program{status});
          const auto* ended = why.get_if<peer_ended>();
          REQUIRE(ended != nullptr);
          CHECK(ended->status == status);
          CHECK(co_await next(self, "fragile", before) != before);
        }
      },
      {of.fragile(1)});
}

TEST_CASE("other children go on when an isolated one crashes") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        const int other = co_await self.call({"other"}, tell_os_process{});
        (void)co_await end_by(self, "fragile", crash{SIGSEGV});
        CHECK(co_await self.call({"other"}, tell_os_process{}) == other);
      },
      {of.fragile(1), isolated_child("other", *of.a.node, peer_program(), "fragile", 2)});
}

TEST_CASE(
    "an error or a normal end of an isolated child is its reason, and its OS process is gone") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        const foreign_process there(co_await self.call({"fragile"}, tell_os_process{}));
        pid child = self.whereis("fragile");
        CHECK(co_await end_of(self, child, [&] { self.send(child, die{"broken"}); }) ==
              exit_reason::error("std::runtime_error", "broken"));
        CHECK(there.ends());
        child = co_await next(self, "fragile", child);
        CHECK(co_await end_of(self, child, [&] { self.send(child, die{"normal"}); }) ==
              exit_reason::normal);
      },
      {of.fragile(1)});
}

TEST_CASE("a call that an isolated child dies of fails at once") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        const pid child = self.whereis("fragile");
        self.send(child, crash{SIGSEGV});
        const auto answer = co_await self.try_call(child, ask{1}, troupe::infinity);
        CHECK_FALSE(answer.has_value());
      },
      {of.fragile(1)});
}

TEST_CASE("an exit signal to an isolated child ends its behaviour with that reason") {
  isolated of;
  of.run(
      [](context self) -> task<> {
        const pid child = self.whereis("fragile");
        const auto reason = exit_reason::error("of", "mine");
        CHECK(co_await end_of(self, child, [&] { self.exit(child, reason); }) == reason);
      },
      {of.fragile(1)});
}

TEST_CASE("an isolated child whose peer does not start or offer it does not start, and says why") {
  isolated of;
  peer_options missing = peer_program();
  missing.program = "/no/such/program";
  CHECK_THROWS_WITH(
      of.a.system.supervise(troupe::one_for_one{}, {of.fragile(1, missing)}),
      matchers::ContainsSubstring("fragile") && matchers::ContainsSubstring("/no/such/program"));
  peer_options hurried = peer_program();
  hurried.start_time = 2s;
  CHECK_THROWS_WITH(
      of.a.system.supervise(troupe::one_for_one{},
                            {isolated_child("x", *of.a.node, hurried, "unknown", 1)}),
      matchers::ContainsSubstring("unknown") || matchers::ContainsSubstring("had not joined"));
  CHECK(no_child_is_left());
}

TEST_CASE(
    "an isolated child whose node is destroyed ends its OS process and is not started again") {
  isolated of;
  const pid tree = of.a.system.supervise(troupe::one_for_one{.intensity = 0}, {of.fragile(1)});
  of.a.node.reset();
  CHECK(no_child_is_left());
  CHECK(of.a.system.alive(tree));
  of.a.system.run([&](context self) -> task<> {
    const auto why = co_await troupe_test::end_of(
        self, tree, [&] { of.a.system.exit(tree, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
  });
  CHECK(of.a.log->text().find("was to stop and ended with") == std::string::npos);
}

#ifndef TROUPE_SANITIZED  // they reserve more than any limit
TEST_CASE("a memory limit is the crash of the isolated child that meets it") {
  isolated of;
  peer_options limited = peer_program();
  limited.limits.memory_bytes = std::uint64_t{1} << 30;
  of.run(
      [](context self) -> task<> {
        const pid child = self.whereis("fragile");
        const auto why = co_await end_of(self, child, [&] { self.send(child, use_memory{4096}); });
        CHECK_FALSE(why.expected());  // by std::bad_alloc, or by what cannot go on without memory
        CHECK(co_await self.call(co_await next(self, "fragile", child), ask{1}) == 2);
      },
      {of.fragile(1, limited)});
}
#endif
