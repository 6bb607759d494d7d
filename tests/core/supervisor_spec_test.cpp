#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::auto_shutdown;
using troupe::child_spec;
using troupe::one_for_all;
using troupe::one_for_one;

namespace {

// What the text must name, besides the field.
void refused(fixture& f, one_for_one how, const std::vector<child_spec>& children,
             const std::string& field, const std::string& also) {
  INFO(field << " " << also);
  const auto tree = [&] { f.sys->supervise(how, children); };
  CHECK_THROWS_AS(tree(), std::invalid_argument);
  CHECK_THROWS_WITH(tree(),
                    matchers::ContainsSubstring(field + ":") && matchers::ContainsSubstring(also));
  CHECK(f.happened().empty());
}

std::vector<child_spec> only(child_spec spec) {
  std::vector<child_spec> all;
  all.push_back(std::move(spec));
  return all;
}

}  // namespace

TEST_CASE("specifications that make no sense are refused by field before anything starts") {
  fixture f;
  refused(f, {.intensity = -1}, {}, "intensity", "supervisor 'supervise'");
  refused(f, {.period = 0s}, {}, "period", "more than zero");
  refused(f, {}, {f.make("a"), f.make("b"), f.make("a")}, "id", "'a'");
  refused(f, {}, only(f.make("a").shutdown(-1s)), "shutdown", "child 'a'");
  refused(f, {}, only(f.make("a").shutdown(2s).brutal_kill()), "shutdown", "brutal_kill");
  refused(f, {}, only(f.make("a").transient().significant()), "significant", "auto_shutdown");
  refused(f, {.auto_shutdown = auto_shutdown::any_significant}, only(f.make("a").significant()),
          "significant", "permanent");
  f.sys.await_counts({});
}

TEST_CASE("a specification deep in a tree is refused where it is written") {
  fixture f;
  const auto write = [&] {
    return troupe::supervisor("sessions", one_for_one{}, {f.make("a"), f.make("a")});
  };
  CHECK_THROWS_WITH(write(), matchers::ContainsSubstring("supervisor 'sessions': id:"));
}

// --- significant children ---

TEST_CASE("any_significant ends the supervisor when one significant child has ended for good") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_one{.auto_shutdown = auto_shutdown::any_significant},
      {f.make("a"), f.make("b").transient().significant(), f.make("c").transient().significant()});
  f.crash_child("b");
  CHECK(f.happened() == "+a +b +c -b +b");  // it is restarted: that is no end
  CHECK(f.sys->alive(tree));
  f.sys->run([&](context self) -> task<> {
    const auto ref = self.monitor(tree);
    self.send("b", end_with{exit_reason::normal});
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::shutdown);
  });
  CHECK(f.happened() == "-b -c -a");
  f.sys.await_counts({});
}

TEST_CASE("all_significant ends the supervisor when the last significant child has ended") {
  fixture f;
  const pid tree = f.sys->supervise(one_for_all{.auto_shutdown = auto_shutdown::all_significant},
                                    {f.make("a").transient(), f.make("b").transient().significant(),
                                     f.make("c").temporary().significant()});
  f.sys->send("b", end_with{exit_reason::shutdown});
  CHECK(f.happened() == "+a +b +c -b");
  f.sys->send("a", end_with{exit_reason::normal});
  CHECK(f.happened() == "-a");  // it is not significant
  CHECK(f.sys->alive(tree));
  f.crash_child("c");  // temporary: also a crash is its end
  CHECK(f.happened() == "-c");
  CHECK(!f.sys->alive(tree));
  f.sys.await_counts({});
}

TEST_CASE("a significant child that its supervisor stops with the others ends nothing") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_all{.auto_shutdown = auto_shutdown::any_significant},
      {f.make("a"), f.make("b").transient().significant(), f.make("c").temporary().significant()});
  f.crash_child("a");
  CHECK(f.happened() == "+a +b +c -a -c -b +a +b");
  CHECK(f.sys->alive(tree));
}

TEST_CASE("a supervisor that ended by itself is a transient child that ended well") {
  fixture f;
  const pid tree = f.sys->supervise(
      one_for_one{},
      {f.make("a"),
       troupe::supervisor("s", one_for_one{.auto_shutdown = auto_shutdown::any_significant},
                          {f.make("b"), f.make("c").temporary().significant()})
           .transient()});
  f.crash_child("c");
  CHECK(f.happened() == "+a +b +c -c -b");
  CHECK(f.sys->alive(tree));
}
