#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::child_info;
using troupe::child_spec;
using troupe::child_state;
using troupe::one_for_all;
using troupe::one_for_one;
using troupe::process;
using troupe::start_failed;
using troupe::supervisor_ref;

namespace {

// A server that may find that it is not needed.
class optional_worker : public worker {
 public:
  optional_worker(std::string id, write_to write, const std::function<bool()>& needed)
      : worker(id, write) {
    if (!needed()) self.exit(troupe::ignore());
  }
};

// A child whose init lasts until it is told that it is over.
child_spec slow_to_start(fixture& f, const std::string& id) {
  return child_spec(
      {.id = id,
       .name = id,
       .start =
           [write = f.writer(), id](auto& home, const auto& options) {
             const auto body = [](context self, std::string name, write_to note) -> process {
               note('+' + name);
               (void)co_await self.receive<int>();
               troupe::internal::announce_started(self);
               (void)co_await self.receive<int>();
             };
             return troupe::internal::launch(home, options, "slow", body, id, write).id;
           },
       .announces = true});
}

}  // namespace

// --- init that says ignore ---

TEST_CASE("a child that ignores its start is known and stopped and the next one starts") {
  fixture f;
  bool needed = false;
  const auto asked = [&] { return needed; };
  const supervisor_ref tree = f.sys->supervise(
      one_for_one{.intensity = 0},
      {child<optional_worker>("o", "o", f.writer(), asked).registered(),
       child<optional_worker>("t", "t", f.writer(), asked).temporary(), f.make("a")});
  CHECK(f.book.take() == "+o -o +t -t +a");
  const auto all = f.sys->call(tree, troupe::which_children{});
  REQUIRE(all.size() == 2);  // a temporary one is forgotten
  CHECK(all[0] == child_info{"o", pid{}, child_state::stopped, false, 0});
  CHECK(!f.sys->call(tree, troupe::restart_child{"o"}));
  needed = true;
  CHECK(f.sys->call(tree, troupe::restart_child{"o"}) == f.sys->whereis("o"));
  CHECK(f.happened() == "+o -o +o");
  CHECK(f.sys.log->text().empty());
}

TEST_CASE("an added child that ignores its start is kept without a process unless temporary") {
  fixture f;
  const auto never = [] { return false; };
  const supervisor_ref tree = f.sys->supervise(one_for_one{}, {});
  CHECK(
      !f.sys->call(tree, troupe::start_child{child<optional_worker>("o", "o", f.writer(), never)}));
  CHECK(!f.sys->call(
      tree, troupe::start_child{child<optional_worker>("t", "t", f.writer(), never).temporary()}));
  const auto all = f.sys->call(tree, troupe::which_children{});
  REQUIRE(all.size() == 1);
  CHECK(all[0].id == "o");
}

TEST_CASE("that a child ignores its restart stops it and is no failure") {
  fixture f;
  bool needed = true;
  const supervisor_ref tree = f.sys->supervise(
      one_for_all{},
      {child<optional_worker>("o", "o", f.writer(), [&] { return needed; }).registered(),
       f.make("a")});
  needed = false;
  f.crash_child("o");
  CHECK(f.happened() == "+o +a -o -a +o -o +a");
  CHECK(state_of(f, tree, 0) == child_state::stopped);
  CHECK(f.sys->call(tree, troupe::which_children{})[0].restarts == 0);
}

TEST_CASE("a process function that ignores its start is not restarted whatever its type") {
  fixture f;
  const auto body = [](context self, bool needed) -> process {
    if (!needed) self.exit(troupe::ignore());
    (void)co_await self.receive<int>();
  };
  const supervisor_ref tree = f.sys->supervise(
      one_for_one{.intensity = 0},
      {child("p", body, false), child("t", body, false).temporary(), child("q", body, true)});
  (void)f.happened();
  CHECK(f.sys->call(tree, troupe::which_children{}).size() == 2);
  CHECK(state_of(f, tree, 0) == child_state::stopped);
  CHECK(state_of(f, tree, 1) == child_state::running);
}

TEST_CASE("a server that is running cannot ignore its start any more") {
  fixture f;
  f.sys->supervise(one_for_one{}, {f.make("a")});
  f.sys->send("a", end_with{troupe::ignore()});
  CHECK(f.happened() == "+a -a +a");
}

// --- init that does not end ---

TEST_CASE("a child whose init takes longer than start_within is killed and has not started") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    self.send(self, 0);
    std::string why;
    const pid waits = self.spawn([&f, &why](context me) -> process {
      co_await me.blocking([&] {
        try {
          f.sys->supervise(one_for_one{},
                           {f.make("a"), slow_to_start(f, "s").start_within(3s), f.make("b")});
        } catch (const start_failed& e) {
          why = e.what();
        }
      });
    });
    const auto ref = self.monitor(waits);
    while (!self.whereis("s")) co_await self.yield();
    co_await settle(self);
    f.clock->advance(3s - 1ns);
    co_await settle(self);
    CHECK(self.whereis("s"));
    f.clock->advance(1ns + timer_tick);
    CHECK((co_await self.receive<troupe::down>()).ref == ref);
    CHECK_THAT(why, matchers::ContainsSubstring("child s") &&
                        matchers::ContainsSubstring("longer than the 3000 ms of start_within"));
    CHECK(!self.whereis("s"));
  });
  CHECK(f.book.take() == "+a +s -a");
  f.sys.await_counts({});
}

TEST_CASE("a child that starts within its time runs on when that time is over") {
  fixture f;
  f.sys->run([&](context self) -> task<> {
    const pid waits = self.spawn([&f](context me) -> process {
      co_await me.blocking(
          [&] { f.sys->supervise(one_for_one{}, {slow_to_start(f, "s").start_within(3s)}); });
    });
    const auto ref = self.monitor(waits);
    while (!self.whereis("s")) co_await self.yield();
    const pid s = self.whereis("s");
    self.send(s, 0);
    CHECK((co_await self.receive<troupe::down>()).ref == ref);
    f.clock->advance(10s);
    co_await settle(self);
    CHECK(f.sys->alive(s));
  });
}

TEST_CASE("a constructor that does not return does not hold up its supervisor", "[threads]") {
  checked_system sys({.workers = 3});
  std::atomic<bool> go{false};
  class stuck : public troupe::server {
   public:
    using handles = troupe::messages<are_you_there>;
    explicit stuck(std::atomic<bool>* until) {
      while (!*until) std::this_thread::yield();
    }
    void handle(are_you_there) {}
  };
  const auto tree = [&] {
    sys->supervise(
        one_for_one{},
        {child_spec({.id = "s",
                     .start =
                         [&](auto& home, const auto& options) {
                           return troupe::internal::launch_server<stuck>(home, options, &go).id;
                         },
                     .announces = true})
             .start_within(20ms)});
  };
  CHECK_THROWS_AS(tree(), start_failed);
  go = true;  // the killed process ends when its constructor returns
  sys.await_counts({});
}

TEST_CASE("start_within is refused where there is no init and where there is no time") {
  fixture f;
  const auto start = [&](child_spec spec) {
    std::vector<child_spec> all;
    all.push_back(std::move(spec));
    f.sys->supervise(one_for_one{}, std::move(all));
  };
  CHECK_THROWS_WITH(start(child("p", idler).start_within(1s)),
                    matchers::ContainsSubstring("child 'p': start_within:"));
  CHECK_THROWS_WITH(start(f.make("a").start_within(0s)),
                    matchers::ContainsSubstring("child 'a': start_within:"));
}
