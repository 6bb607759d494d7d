// How children of dynamic supervisors end, and how their starts are ignored: scenarios of OTP's
// supervisor_SUITE. See tests/otp/SCENARIOS.md.
#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::child_counts;
using troupe::dynamic;
using troupe::process;
using troupe::start_with;

namespace {

// A child whose starts may be ignored.
class choosy : public worker {
 public:
  choosy(std::string id, write_to write, std::function<bool()> needed)
      : worker(std::move(id), std::move(write)) {
    if (!needed()) self.exit(troupe::ignore());
  }
};
auto choosy_child() { return child<choosy, std::string, write_to, std::function<bool()>>(); }
auto choosy_args(fixture& f, std::string id, const bool& needed) {
  return start_with(std::move(id), f.writer(), std::function<bool()>([&needed] { return needed; }));
}

}  // namespace

TEST_CASE("a dynamic supervisor kills children with brutal_kill without asking them") {
  fixture f;
  const auto asked = [](context self, write_to write) -> process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    write("asked");
  };
  const auto tree = f.sys->supervise(dynamic{}, child<write_to>(asked).brutal_kill());
  const pid first = f.sys->call(tree, start_with(f.writer()));
  for (int i = 0; i < 9; ++i) f.sys->call(tree, start_with(f.writer()));
  f.sys->run([&](context self) -> task<> {
    const auto ref = self.monitor(first);
    f.sys->exit(tree, exit_reason::shutdown);
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::killed);
    (void)co_await end_of(self, tree);
  });
  CHECK(f.happened().empty());
  CHECK(f.sys.log->text().empty());
  f.sys.await_counts({});
}

TEST_CASE(
    "a child of a dynamic supervisor that ends in another way than it was asked is reported") {
  fixture f;
  const auto failing = [](context self, bool fails) -> process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    if (fails) self.exit(exit_reason::of(std::string("the disk is full")));
  };
  const auto tree = f.sys->supervise(dynamic{}, child<bool>(failing));
  f.sys->call(tree, start_with(false));
  const pid bad = f.sys->call(tree, start_with(true));
  (void)f.happened();
  f.sys->run([&](context self) -> task<> {
    f.sys->exit(tree, exit_reason::shutdown);
    CHECK(co_await end_of(self, tree) == exit_reason::shutdown);
  });
  const std::string log = f.sys.log->text();
  CHECK_THAT(log, matchers::ContainsSubstring(to_string(bad) + " was to stop and ended with"));
  CHECK_THAT(log, matchers::ContainsSubstring("the disk is full"));
  f.sys.await_counts({});
}

TEST_CASE("a server that ignores its start is no child of its dynamic supervisor") {
  for (const auto type : {troupe::restart_type::temporary, troupe::restart_type::permanent}) {
    fixture f;
    bool needed = false;
    const auto tree = f.sys->supervise(dynamic{.intensity = 0}, choosy_child().restarted(type));
    CHECK(!f.sys->call(tree, choosy_args(f, "a", needed)));
    needed = true;
    const pid b = f.sys->call(tree, choosy_args(f, "b", needed));
    const auto all = f.sys->call(tree, troupe::which_children{});
    REQUIRE(all.size() == 1);
    CHECK(all[0].process == b);
    CHECK(f.happened() == "+a -a +b");
    f.sys->exit(tree, exit_reason::shutdown);
    CHECK(f.happened() == "-b");
    f.sys.await_counts({});
  }
}

// OTP 25 keeps such a child without a process, and crashes when it stops; later ones forget it.
TEST_CASE("a child of a dynamic supervisor that ignores its restart is forgotten") {
  fixture f;
  bool needed = true;
  const auto tree = f.sys->supervise(dynamic{.intensity = 5}, choosy_child());
  const pid a = f.sys->call(tree, choosy_args(f, "a", needed));
  f.sys->call(tree, choosy_args(f, "b", needed));
  f.sys->exit(a, exit_reason::kill);
  CHECK(f.happened() == "+a +b -a +a");
  needed = false;
  const auto all = f.sys->call(tree, troupe::which_children{});
  REQUIRE(all.size() == 2);
  for (const auto& c : all) f.sys->exit(c.process, exit_reason::kill);
  (void)f.happened();
  CHECK(f.sys->call(tree, troupe::which_children{}).empty());
  CHECK(f.sys->call(tree, troupe::count_children{}) == child_counts{});
  f.sys->run([&](context self) -> task<> {
    f.sys->exit(tree, exit_reason::shutdown);
    CHECK(co_await end_of(self, tree) == exit_reason::shutdown);
  });
  f.sys.await_counts({});
}
