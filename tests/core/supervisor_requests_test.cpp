#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::child_counts;
using troupe::child_info;
using troupe::child_refused;
using troupe::child_state;
using troupe::one_for_all;
using troupe::one_for_one;
using troupe::rest_for_one;
using troupe::supervisor_ref;
using cause = troupe::child_refused::cause;

namespace {

std::string ids(fixture& f, supervisor_ref tree) {
  std::string all;
  for (const child_info& c : f.sys->call(tree, troupe::which_children{})) {
    if (!all.empty()) all += ' ';
    all += c.id;
    if (c.state == child_state::stopped) all += " stopped";
    if (c.state == child_state::restarting) all += " restarting";
    CHECK(static_cast<bool>(c.process) == (c.state == child_state::running));
  }
  return all;
}

}  // namespace

TEST_CASE("a child can be added to a running supervisor and is its last") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(rest_for_one{}, {f.make("a")});
  const pid b = f.sys->call(tree, troupe::start_child{f.make("b")});
  CHECK(b == f.sys->whereis("b"));
  CHECK(f.book.take() == "+a +b");
  CHECK(ids(f, tree) == "a b");
  f.crash_child("a");
  CHECK(f.happened() == "-a -b +a +b");  // it takes part in the strategy
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "-b -a");
  f.sys.await_counts({});
}

TEST_CASE("an id that is known cannot be added again whether its child runs or not") {
  fixture f;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b").transient()});
  const auto again = refused(f, tree, troupe::start_child{f.make("a")});
  CHECK(again.why == cause::already_started);
  CHECK(again.process == f.sys->whereis("a"));
  CHECK_THAT(again.text, matchers::ContainsSubstring("child a runs already"));
  f.sys->send("b", end_with{exit_reason::normal});
  CHECK(f.happened() == "+a +b -b");
  CHECK(refused(f, tree, troupe::start_child{f.make("b")}).why == cause::already_present);
  CHECK(ids(f, tree) == "a b stopped");
}

TEST_CASE("an added child whose start fails is not kept and the caller learns why") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(one_for_one{}, {f.make("a")});
  const auto no = refused(
      f, tree, troupe::start_child{child<picky>("p", "p", f.writer(), [] { return true; })});
  CHECK(no.why == cause::start_failed);
  CHECK(no.reason == exit_reason::error("std::runtime_error", "no database"));
  CHECK(ids(f, tree) == "a");
  CHECK(f.happened() == "+a +p -p");
  CHECK(refused(f, tree, troupe::start_child{f.make("b").transient().significant()}).why ==
        cause::invalid_spec);
  CHECK(f.sys->alive(tree));
}

TEST_CASE("a terminated child stays known and is not restarted but can be started again") {
  fixture f;
  const supervisor_ref tree =
      f.sys->supervise(one_for_all{.intensity = 0}, {f.make("a"), f.make("b"), f.make("c")});
  f.sys->call(tree, troupe::terminate_child{"b"});
  CHECK(f.book.take() == "+a +b +c -b");
  CHECK(ids(f, tree) == "a b stopped c");
  f.sys->call(tree, troupe::terminate_child{"b"});  // it is left as it is
  const pid b = f.sys->call(tree, troupe::restart_child{"b"});
  CHECK(b == f.sys->whereis("b"));
  CHECK(ids(f, tree) == "a b c");
  CHECK(f.happened() == "+b");  // none of this counts as a restart
  CHECK(f.sys->alive(tree));
}

TEST_CASE("a temporary child that is terminated is forgotten") {
  fixture f;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{}, {f.make("a"), f.make("t").temporary()});
  f.sys->call(tree, troupe::terminate_child{"t"});
  CHECK(ids(f, tree) == "a");
  CHECK(refused(f, tree, troupe::restart_child{"t"}).why == cause::not_found);
}

TEST_CASE("only a child that does not run can be deleted and then its id is free") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(one_for_one{}, {f.make("a"), f.make("b")});
  CHECK(refused(f, tree, troupe::delete_child{"a"}).why == cause::running);
  f.sys->call(tree, troupe::terminate_child{"a"});
  f.sys->call(tree, troupe::delete_child{"a"});
  CHECK(ids(f, tree) == "b");
  f.sys->call(tree, troupe::start_child{f.make("a")});
  CHECK(ids(f, tree) == "b a");
}

TEST_CASE("what is asked about an unknown id is refused with not_found") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(one_for_one{}, {f.make("a")});
  CHECK(refused(f, tree, troupe::terminate_child{"x"}).why == cause::not_found);
  CHECK(refused(f, tree, troupe::restart_child{"x"}).why == cause::not_found);
  CHECK(refused(f, tree, troupe::delete_child{"x"}).why == cause::not_found);
  CHECK(refused(f, tree, troupe::get_childspec{"x"}).why == cause::not_found);
  CHECK(refused(f, tree, troupe::restart_child{"a"}).why == cause::running);
  CHECK_THROWS_WITH(f.sys->call(tree, troupe::terminate_child{"x"}),
                    matchers::ContainsSubstring("child x is not known"));
}

TEST_CASE("which_children and count_children tell what there is and how often it was restarted") {
  fixture f;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{.intensity = 5},
                       {f.make("a"), troupe::supervisor("s", one_for_one{}, {f.make("b")}),
                        f.make("c").transient()});
  f.crash_child("a");
  f.crash_child("c");
  (void)f.happened();
  f.crash_child("a");
  (void)f.happened();
  f.sys->send("c", end_with{exit_reason::normal});
  (void)f.happened();
  const auto all = f.sys->call(tree, troupe::which_children{});
  REQUIRE(all.size() == 3);
  CHECK(all[0] == child_info{"a", f.sys->whereis("a"), child_state::running, false, 2});
  CHECK(all[1].supervises);
  CHECK(f.sys->call(supervisor_ref(all[1].process), troupe::which_children{}).size() == 1);
  CHECK(all[2] == child_info{"c", pid{}, child_state::stopped, false, 1});
  CHECK(f.sys->call(tree, troupe::count_children{}) ==
        child_counts{.specs = 3, .active = 2, .supervisors = 1, .workers = 2});
}

TEST_CASE("the specification that get_childspec gives starts the same child elsewhere") {
  fixture f;
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{}, {f.make("a").transient().shutdown(3s)});
  troupe::child_spec spec = f.sys->call(tree, troupe::get_childspec{"a"});
  CHECK(spec.record().id == "a");
  CHECK(spec.record().policy.shutdown == 3s);
  CHECK(spec.record().policy.type == troupe::restart_type::transient);
  f.sys->call(tree, troupe::terminate_child{"a"});
  f.sys->supervise(one_for_one{}, {std::move(spec)});
  CHECK(f.happened() == "+a -a +a");
}

TEST_CASE("a supervisor that ends tells those who had asked it") {
  fixture f;
  const supervisor_ref tree = f.sys->supervise(one_for_one{}, {f.make("a")});
  f.sys->exit(tree, exit_reason::shutdown);
  (void)f.happened();
  CHECK_THROWS_AS(f.sys->call(tree, troupe::which_children{}), troupe::call_error);
}

// --- a restart whose start fails ---

TEST_CASE("a child whose start fails again and again is restarting and can be terminated") {
  fixture f;
  std::atomic<bool> fails{false};
  const supervisor_ref tree = f.sys->supervise(
      one_for_one{.intensity = 1'000'000'000},
      {f.make("a"),
       child<picky>("p", "p", [](std::string) {}, [&] { return fails.load(); }).registered()});
  fails = true;
  f.crash_child("p");
  f.sys->run([&](context self) -> task<> {
    for (;;) {  // the restarts that fail let every request through
      const auto all = co_await self.call(tree, troupe::which_children{});
      if (all[1].state == child_state::restarting) break;
    }
    const auto refused_by = [&](auto what) -> task<cause> {
      const auto answer = co_await self.try_call(tree, std::move(what));
      co_return answer.reason().template get_if<child_refused>()->why;
    };
    CHECK(co_await refused_by(troupe::restart_child{"p"}) == cause::restarting);
    CHECK(co_await refused_by(troupe::delete_child{"p"}) == cause::restarting);
    CHECK(co_await refused_by(troupe::start_child{f.make("p")}) == cause::already_present);
    co_await self.call(tree, troupe::terminate_child{"p"});
  });
  CHECK(ids(f, tree) == "a p stopped");
  fails = false;
  CHECK(f.sys->call(tree, troupe::restart_child{"p"}));
  CHECK(ids(f, tree) == "a p");
}

TEST_CASE("a child that is to be restarted keeps its supervisor from ending by itself") {
  fixture f;
  std::atomic<int> failures{0};
  const supervisor_ref tree =
      f.sys->supervise(one_for_one{.intensity = 1'000'000'000,
                                   .auto_shutdown = troupe::auto_shutdown::all_significant},
                       {child<picky>(
                            "p", "p", [](std::string) {}, [&] { return failures.load() > 0; })
                            .registered()
                            .transient()
                            .significant(),
                        f.make("b").transient().significant()});
  failures = 1;
  f.crash_child("p");
  f.sys->run([&](context self) -> task<> {
    while ((co_await self.call(tree, troupe::which_children{}))[0].state !=
           child_state::restarting) {
    }
    self.send("b", end_with{exit_reason::normal});
    while ((co_await self.call(tree, troupe::which_children{}))[1].state != child_state::stopped) {
    }
    failures = 0;
    while ((co_await self.call(tree, troupe::which_children{}))[0].state != child_state::running) {
    }
  });
  CHECK(f.sys->alive(tree));
}
