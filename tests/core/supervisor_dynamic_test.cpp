#include "core/supervisor_support.hpp"

#include <cstdio>
#include <set>

using namespace troupe_test;
using troupe::auto_shutdown;
using troupe::child_counts;
using troupe::child_state;
using troupe::dynamic;
using troupe::dynamic_supervisor_ref;
using troupe::one_for_one;
using troupe::process;
using troupe::start_with;
using cause = troupe::child_refused::cause;

namespace {

using workers = dynamic_supervisor_ref<std::string, write_to>;

// Children that are workers; each is started with its id.
auto some_worker() { return child<worker, std::string, write_to>(); }

pid start_one(fixture& f, workers tree, std::string id) {
  return f.sys->call(tree, start_with(std::move(id), f.writer()));
}

template <class... Args>
child_counts counts(fixture& f, dynamic_supervisor_ref<Args...> tree) {
  return f.sys->call(tree, troupe::count_children{});
}

}  // namespace

TEST_CASE("children of a dynamic supervisor start with their own arguments and restart with them") {
  fixture f;
  const workers tree = f.sys->supervise(dynamic{.intensity = 2}, some_worker());
  CHECK(f.happened().empty());
  const pid a = start_one(f, tree, "a");
  const pid b = start_one(f, tree, "b");
  CHECK(f.book.take() == "+a +b");
  f.sys->send(b, crash{"of b"});
  CHECK(f.happened() == "-b +b");
  CHECK(f.sys->alive(a));
  const auto all = f.sys->call(tree, troupe::which_children{});
  REQUIRE(all.size() == 2);
  const auto& again = all[0].process == a ? all[1] : all[0];
  CHECK(again.process != b);
  CHECK(again.restarts == 1);
  CHECK(again.state == child_state::running);
  f.sys->send(again.process, crash{"of b again"});
  CHECK(f.happened() == "-b +b");
  f.sys.await_counts({.processes = 3, .links = 4});
}

TEST_CASE("a dynamic supervisor restarts by type and gives up as others do") {
  fixture f;
  const workers tree = f.sys->supervise(dynamic{.intensity = 1}, some_worker().transient());
  f.sys->send(start_one(f, tree, "a"), end_with{exit_reason::normal});
  CHECK(f.happened() == "+a -a");
  CHECK(counts(f, tree) == child_counts{});
  const workers brief = f.sys->supervise(dynamic{}, some_worker().temporary());
  f.sys->send(start_one(f, brief, "t"), crash{"of t"});
  CHECK(f.happened() == "+t -t");
  (void)start_one(f, tree, "c");
  f.sys->send(start_one(f, tree, "b"), crash{"of b"});
  CHECK(f.happened() == "+c +b -b +b");
  for (const auto& c : f.sys->call(tree, troupe::which_children{}))
    if (c.restarts == 1) f.sys->send(c.process, crash{"too often"});
  CHECK(f.happened() == "-b -c");
  CHECK(!f.sys->alive(tree));
  CHECK(f.sys->alive(brief));
}

TEST_CASE("a start that fails or would be one too many is refused and leaves nothing") {
  fixture f;
  const auto tree = f.sys->supervise(dynamic{.max_children = 2},
                                     child<picky, std::string, write_to, std::function<bool()>>());
  const auto start = [&](bool fails) {
    return start_with(std::string("p"), f.writer(), std::function<bool()>([=] { return fails; }));
  };
  CHECK(f.sys->call(tree, start(false)));
  const auto no = refused(f, tree, start(true));
  CHECK(no.why == cause::start_failed);
  CHECK(no.reason == exit_reason::error("std::runtime_error", "no database"));
  const pid second = f.sys->call(tree, start(false));
  CHECK(refused(f, tree, start(false)).why == cause::max_children);
  CHECK(counts(f, tree) == child_counts{.specs = 2, .active = 2, .workers = 2});
  f.sys->call(tree, troupe::terminate_process{second});
  CHECK(refused(f, tree, troupe::terminate_process{second}).why == cause::not_found);
  CHECK(f.sys->call(tree, start(false)));
}

TEST_CASE("a terminated child of a dynamic supervisor is forgotten and does not come back") {
  fixture f;
  const workers tree = f.sys->supervise(dynamic{}, some_worker());
  const pid a = start_one(f, tree, "a");
  f.sys->call(tree, troupe::terminate_process{a});
  CHECK(f.happened() == "+a -a");
  CHECK(counts(f, tree) == child_counts{});
  f.sys.await_counts({.processes = 1});
}

TEST_CASE("process functions can be children of a dynamic supervisor and ignore their start") {
  fixture f;
  const auto body = [](context self, int number, write_to write) -> process {
    write('+' + std::to_string(number));
    if (number == 0) self.exit(troupe::ignore());
    (void)co_await self.receive<int>();
  };
  const auto tree = f.sys->supervise(dynamic{}, child<int, write_to>(body));
  f.sys->call(tree, start_with(1, f.writer()));
  f.sys->call(tree, start_with(0, f.writer()));
  CHECK(f.happened() == "+1 +0");
  CHECK(counts(f, tree).active == 1);
}

TEST_CASE("a restart that fails in a dynamic supervisor is tried again and can be terminated") {
  fixture f;
  std::atomic<bool> fails{false};
  const auto tree =
      f.sys->supervise(dynamic{.intensity = 1'000'000'000},
                       child<picky, std::string, write_to, std::function<bool()>>().backoff(
                           {.first = 1s, .jitter = 0}));
  const auto start = [&](const char* id) {
    return start_with(std::string(id), f.writer(),
                      std::function<bool()>([&] { return fails.load(); }));
  };
  const pid a = f.sys->call(tree, start("a"));
  const pid b = f.sys->call(tree, start("b"));
  fails = true;
  f.sys->send(a, crash{"of a"});
  CHECK(f.happened() == "+a +b -a");
  f.clock->advance(1s + timer_tick);
  CHECK(f.happened() == "+a -a");
  CHECK(counts(f, tree) == child_counts{.specs = 2, .active = 1, .workers = 2});
  f.sys->send(b, crash{"of b"});
  CHECK(f.happened() == "-b");
  f.sys->call(tree, troupe::terminate_process{b});  // by the pid that it had
  fails = false;
  f.clock->advance(2s + timer_tick);
  CHECK(f.happened() == "+a");
  CHECK(counts(f, tree) == child_counts{.specs = 1, .active = 1, .workers = 1});
  f.sys.await_counts({.processes = 2, .links = 2});
}

TEST_CASE("a dynamic supervisor ends by itself when its significant children have") {
  fixture f;
  const workers tree = f.sys->supervise(dynamic{.auto_shutdown = auto_shutdown::all_significant},
                                        some_worker().temporary().significant());
  const pid a = start_one(f, tree, "a");
  const pid b = start_one(f, tree, "b");
  f.sys->send(a, end_with{exit_reason::normal});
  CHECK(f.happened() == "+a +b -a");
  CHECK(f.sys->alive(tree));
  f.sys->send(b, crash{"of b"});
  CHECK(f.happened() == "-b");
  CHECK(!f.sys->alive(tree));
}

TEST_CASE("a dynamic supervisor asks all children at once and kills those that take too long") {
  fixture f;
  const auto stubborn = [](context self, bool obeys, write_to write) -> process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    write(obeys ? "obeys" : "asked");
    if (!obeys) co_await self.sleep(1h);
  };
  f.sys->run([&](context self) -> task<> {
    const auto tree = co_await self.blocking(
        [&] { return f.sys->supervise(dynamic{}, child<bool, write_to>(stubborn).shutdown(7s)); });
    const pid slow = co_await self.call(tree, start_with(false, f.writer()));
    for (int i = 0; i < 2; ++i) co_await self.call(tree, start_with(true, f.writer()));
    co_await settle(self);
    const auto ref = self.monitor(slow);
    f.sys->exit(tree, exit_reason::shutdown);
    co_await settle(self);
    const std::string told = f.book.take();
    CHECK(std::set<std::string>{"asked obeys obeys", "obeys asked obeys", "obeys obeys asked"}
              .contains(told));
    f.clock->advance(7s - 1ns);
    co_await settle(self);
    CHECK(f.sys->alive(slow));
    f.clock->advance(1ns + timer_tick);
    const auto killed = co_await self.receive<troupe::down>();
    CHECK(killed.ref == ref);
    CHECK(killed.reason == exit_reason::killed);
    (void)co_await end_of(self, tree);
  });
  f.sys.await_counts({});
}

TEST_CASE("callers whose requests a dynamic supervisor does not take any more learn of its end") {
  fixture f;
  const auto slow = [](context self) -> process {
    self.trap_exits(true);
    (void)co_await self.receive<troupe::exit_signal>();
    co_await self.sleep(1s);
  };
  f.sys->run([&](context self) -> task<> {
    const auto tree =
        co_await self.blocking([&] { return f.sys->supervise(dynamic{}, child<>(slow)); });
    co_await self.call(tree, start_with());
    co_await settle(self);
    f.sys->exit(tree, exit_reason::shutdown);
    co_await settle(self);
    auto late = self.send_request(tree, troupe::count_children{}, troupe::infinity);
    co_await settle(self);
    f.clock->advance(1s + timer_tick);
    const auto answer = co_await late;
    REQUIRE(!answer);
    CHECK(answer.reason() == exit_reason::shutdown);
  });
}

TEST_CASE("a child that has unlinked itself does not outlive its dynamic supervisor") {
  fixture f;
  const auto runaway = [](context self) -> process {
    self.unlink(self.parent());
    (void)co_await self.receive<int>();
  };
  const auto tree = f.sys->supervise(dynamic{}, child<>(runaway));
  f.sys->call(tree, start_with());
  (void)f.happened();
  f.sys->exit(tree, exit_reason::shutdown);
  (void)f.happened();
  f.sys.await_counts({});
}

TEST_CASE("a dynamic supervisor is a child in a tree and its specification is checked there") {
  fixture f;
  f.sys->supervise(one_for_one{}, {troupe::supervisor("d", dynamic{}, some_worker()).registered()});
  const workers tree(f.sys->whereis("d"));
  (void)start_one(f, tree, "a");
  f.sys->exit(tree, exit_reason::kill);
  CHECK(f.happened() == "+a -a");
  CHECK(f.sys->call(workers(f.sys->whereis("d")), troupe::count_children{}) == child_counts{});
  CHECK_THROWS_WITH(troupe::supervisor("d", dynamic{.max_children = 0}, some_worker()),
                    matchers::ContainsSubstring("supervisor 'd': max_children:"));
  CHECK_THROWS_WITH(troupe::supervisor("d", dynamic{}, some_worker().transient().significant()),
                    matchers::ContainsSubstring("significant:"));
}

namespace {

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  REQUIRE(std::fscanf(file, "%zu %zu", &total, &resident) == 2);
  std::fclose(file);
  return resident * 4096;
}

class sleeper : public troupe::server {
 public:
  using handles = troupe::messages<are_you_there>;
  explicit sleeper(int number) : number_(number) {}
  void handle(are_you_there) { ++number_; }

 private:
  int number_;
};

}  // namespace

TEST_CASE("a million children of one dynamic supervisor start and stop", "[.million][threads]") {
  constexpr int wanted = 1'000'000;
  using clock = std::chrono::steady_clock;
  const auto seconds = [](clock::duration d) { return std::chrono::duration<double>(d).count(); };
  checked_system sys;
  const auto tree = sys->supervise(dynamic{}, child<sleeper, int>());
  const std::size_t before = resident_bytes();
  const auto begun = clock::now();
  sys->run([&](context self) -> task<> {
    for (int i = 0; i < wanted; ++i) co_await self.call(tree, start_with(i), troupe::infinity);
  });
  const auto started = clock::now();
  const std::size_t bytes = (resident_bytes() - before) / wanted;
  CHECK(sys->counts().processes == wanted + 1);
  const auto stopping = clock::now();
  sys->exit(tree, exit_reason::shutdown);
  while (sys->counts().processes != 0) std::this_thread::yield();
  const double stop = seconds(clock::now() - stopping);
  std::printf("%d children: started in %.2f s, %zu B each, stopped in %.2f s\n", wanted,
              seconds(started - begun), bytes, stop);
  CHECK(stop < 10);
}
