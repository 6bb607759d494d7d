// The executor of a transport over the operating system, and how workers wait in it.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "net/reactor_support.hpp"

using namespace troupe::net;
using namespace troupe_test;

// --- the executor --------------------------------------------------------------------------------

TEST_CASE("no callback runs inside the function that starts its operation") {
  hand_driven world;
  stream_pair both(world);
  write_all(world, *both.server, "x");  // so that the read could end at once
  std::byte into[16];
  bool starting = true;
  int calls = 0;
  const auto called = [&](const auto&...) {
    CHECK_FALSE(starting);
    ++calls;
  };
  std::vector<std::unique_ptr<pending>> underway;
  auto listening = world.bytes.listen({"127.0.0.1", 0}, called);
  REQUIRE(listening);
  world.bytes.post(called);
  underway.push_back(world.bytes.after(0ns, called));
  underway.push_back(world.bytes.dial({"127.0.0.1", (*listening)->port()}, 10s, called));
  both.client->read_some(into, called);
  both.client->write_some(bytes_of("y"), called);
  starting = false;
  world.until([&] { return calls == 6; });
}

TEST_CASE("what is posted runs in the order in which it was posted, across threads") {
  hand_driven world;
  std::vector<int> ran;
  const auto note = [&](int n) { return [&ran, n] { ran.push_back(n); }; };
  world.bytes.post([&] {
    note(1)();
    world.bytes.post(note(2));
    // It posts after the one before and before the one after, though from another thread.
    std::thread([&] { world.bytes.post(note(3)); }).join();
    world.bytes.post(note(4));
  });
  world.until([&] { return ran.size() == 4; });
  CHECK(ran == std::vector{1, 2, 3, 4});
}

TEST_CASE("callbacks never run two at once, whichever worker runs them") {
  troupe::system system({.workers = 4});
  const auto bytes = transport_of(system);
  constexpr int posters = 8;
  constexpr int posts = 500;
  int counter = 0;  // only callbacks touch it
  std::atomic<bool> inside{false};
  std::atomic<int> overlaps{0};
  system.run([&](troupe::context self) -> troupe::task<> {
    std::vector<troupe::monitor_ref> all;
    for (int i = 0; i < posters; ++i)
      all.push_back(self.spawn_monitor([&](troupe::context poster) -> troupe::process {
                          for (int n = 0; n < posts; ++n) {
                            bytes->post([&] {
                              if (inside.exchange(true)) ++overlaps;
                              ++counter;
                              inside = false;
                            });
                            co_await poster.yield();
                          }
                        })
                        .ref);
    for (const troupe::monitor_ref ref : all)
      (void)co_await self.receive<troupe::down>(
          [&](const troupe::down& d) { return d.ref == ref; });
    CHECK(co_await run_on(*bytes, [&] { return counter; }) == posters * posts);
  });
  CHECK(overlaps == 0);
}

TEST_CASE("what callbacks throw is logged, and the others go on") {
  hand_driven world;
  stream_pair both(world);
  std::byte into[16];
  int calls = 0;
  const auto fail = [&](const auto&...) {
    ++calls;
    throw std::runtime_error("thrown by call " + std::to_string(calls));
  };
  std::vector<std::unique_ptr<pending>> underway;
  auto listening = world.bytes.listen({"127.0.0.1", 0}, fail);
  REQUIRE(listening);
  world.bytes.post(fail);
  underway.push_back(world.bytes.after(0ns, fail));
  underway.push_back(world.bytes.dial({"127.0.0.1", (*listening)->port()}, 10s, fail));
  both.client->read_some(into, fail);
  both.client->write_some(bytes_of("y"), fail);
  write_all(world, *both.server, "x");
  world.until([&] { return calls == 6; });
  world.settle();
  for (int i = 1; i <= 6; ++i)
    CHECK_THAT(world.log->text(),
               matchers::ContainsSubstring("thrown by call " + std::to_string(i)));
}

// --- time ----------------------------------------------------------------------------------------

TEST_CASE("after runs its function once, in the order of the delays and never early") {
  hand_driven world;
  troupe::steady_time start;
  std::vector<std::chrono::nanoseconds> ran;
  std::vector<std::unique_ptr<pending>> timers;
  const std::vector<std::chrono::nanoseconds> delays{15ms, -1s, 5ms, 10ms + 1ns};
  do {  // until all were armed in less time than their delays differ by
    timers.clear();
    start = world.bytes.now();
    for (const auto delay : delays)
      timers.push_back(world.bytes.after(delay, [&, delay] {
        CHECK(world.bytes.now() - start >= delay);
        ran.push_back(delay);
      }));
  } while (world.bytes.now() - start >= 4ms);
  world.until([&] { return ran.size() == delays.size(); });
  CHECK(std::is_sorted(ran.begin(), ran.end()));
  world.settle();
  CHECK(ran.size() == delays.size());
}

TEST_CASE("a timer that is destroyed does not fire, even when its time had come") {
  hand_driven world;
  std::unique_ptr<pending> second;
  const auto called = std::make_shared<bool>(false);
  int calls = 0;
  // Both are due when the first runs.
  const auto first = world.bytes.after(0ns, [&] {
    second.reset();
    ++calls;
  });
  second = world.bytes.after(1ns, [called] { *called = true; });
  auto third = world.bytes.after(troupe::infinity, [called] { *called = true; });
  third.reset();
  world.until([&] { return calls == 1; });
  world.settle();
  CHECK(called.use_count() == 1);
  CHECK_FALSE(*called);
}

TEST_CASE("a timer may be destroyed and replaced in its own callback") {
  hand_driven world;
  int calls = 0;
  std::unique_ptr<pending> tick;
  std::function<void()> again = [&] {
    tick.reset();
    if (++calls < 5) tick = world.bytes.after(1ns, again);
  };
  tick = world.bytes.after(1ns, again);
  world.until([&] { return calls == 5; });
}

// --- the poller ----------------------------------------------------------------------------------

namespace {

// Goes on by a microsecond whenever it is read.
class counting_clock final : public troupe::clock {
 public:
  void advance(std::chrono::microseconds by) { reads_ += by.count(); }
  troupe::steady_time now() const noexcept override {
    return troupe::steady_time(std::chrono::microseconds(reads_.fetch_add(1)));
  }
  std::chrono::system_clock::time_point wall() const noexcept override { return {}; }
  [[nodiscard]] std::int64_t reads() const { return reads_; }

 private:
  mutable std::atomic<std::int64_t> reads_{0};
};

}  // namespace

TEST_CASE("a callback that gives way is the last of its poll, and the next poll goes on") {
  hand_driven world;
  int ran = 0;
  for (int i = 0; i < 4; ++i)
    world.bytes.post([&] {
      if (++ran == 2) world.bytes.give_way();
    });
  world.bytes.poll(0ns);
  CHECK(ran == 2);
  world.bytes.poll(0ns);
  CHECK(ran == 4);
}

TEST_CASE("a poll with nothing to do looks for a moment, then sleeps until it is interrupted") {
  const auto time = std::make_shared<counting_clock>();
  reactor bytes(time, std::make_shared<kept_log>(), std::make_shared<known_names>());
  bytes.post([] {});
  bytes.poll(0ns);
  const std::int64_t before = time->reads();
  std::thread waits([&] { bytes.poll(troupe::infinity); });
  // Past the moment: each look reads the clock.
  const std::int64_t looks = default_busy_poll.count();
  while (time->reads() < before + looks) std::this_thread::yield();
  bytes.interrupt();
  waits.join();
  CHECK(time->reads() <= before + looks + 5);
}

namespace {

// What polls read of the clock: once a look. The limit is shorter than they would look.
struct looking_poller {
  std::shared_ptr<counting_clock> time = std::make_shared<counting_clock>();
  reactor bytes{time, std::make_shared<kept_log>(), std::make_shared<known_names>()};
  static constexpr std::chrono::microseconds limit = default_busy_poll - 5us;

  void work() {
    bytes.post([] {});
    bytes.poll(0ns);
  }
  [[nodiscard]] bool looks() {
    const std::int64_t before = time->reads();
    bytes.poll(limit);
    return time->reads() - before >= limit.count();
  }
};

}  // namespace

TEST_CASE("a busy poll of no time sleeps at once") {
  looking_poller p;
  p.work();
  CHECK(p.looks());
  p.bytes.set_busy_poll(0ns);
  p.work();
  CHECK_FALSE(p.looks());
}

TEST_CASE(
    "a poll looks no more where work comes too late for it and looks again where it does not") {
  looking_poller p;
  p.work();
  for (int i = 0; i < 20; ++i) {
    p.time->advance(reactor::busy_polls_of_sleepers * default_busy_poll);
    p.bytes.poll(p.limit);
  }
  p.work();
  CHECK_FALSE(p.looks());  // but would have found its end
  p.work();
  CHECK(p.looks());
}

TEST_CASE("a node ends and its processes run while a worker polls busily without end") {
  troupe::system system({.workers = 2});
  std::optional<troupe::net::node> node(
      std::in_place, system,
      troupe::net::node_options{.name = "busy@127.0.0.1:0",
                                .cookie = "a cookie for a busy poll",
                                .busy_poll = troupe::infinity});
  for (int i = 0; i < 20; ++i)
    CHECK(system.run([&](troupe::context self) -> troupe::task<int> {
      const auto child = self.spawn_monitor([](troupe::context) -> troupe::process { co_return; });
      (void)co_await self.receive<troupe::down>(
          [&](const troupe::down& d) { return d.ref == child.ref; });
      co_return co_await run_on(*transport_of(system), [&] { return i; });
    }) == i);
  node.reset();
}

TEST_CASE("an interrupt that comes before the poll is not lost") {
  hand_driven world;
  std::thread([&] { world.bytes.interrupt(); }).join();
  world.bytes.poll(troupe::infinity);
  // Neither is one that comes at any time while it begins.
  for (int i = 0; i < 2000; ++i) {
    std::thread other([&] { world.bytes.interrupt(); });
    world.bytes.poll(troupe::infinity);
    other.join();
    world.bytes.poll(0ns);
  }
}

TEST_CASE("a poll ends after its limit though nothing came, and what it did not wait for stays") {
  hand_driven world;
  bool fired = false;
  const auto later = world.bytes.after(1h, [&] { fired = true; });
  const auto start = world.bytes.now();
  while (world.bytes.now() < start + 20ms) world.bytes.poll(5ms);
  CHECK_FALSE(fired);
}

TEST_CASE("the network goes on while a process computes, if another worker is idle") {
  troupe::system system({.workers = 2});
  const auto bytes = transport_of(system);
  for (int i = 0; i < 10; ++i) {
    // Which worker is in the poller changes; then both come to rest, off watch.
    system.run([&](troupe::context) -> troupe::task<> { co_await run_on(*bytes, [] {}); });
    const auto rested = std::chrono::steady_clock::now() + 30ms;
    while (std::chrono::steady_clock::now() < rested) std::this_thread::yield();
    std::atomic<bool> answered{false};
    system.run([&](troupe::context) -> troupe::task<> {
      bytes->post([&] { answered = true; });
      while (!answered) std::this_thread::yield();
      co_return;
    });
  }
}

// --- the end -------------------------------------------------------------------------------------

TEST_CASE("a transport that ends destroys its callbacks uncalled, with the handles that they own") {
  const std::size_t before = open_descriptors();
  const auto called = std::make_shared<bool>(false);
  {
    hand_driven world;
    stream_pair both(world);
    // Each is owned by the callback that it owns.
    struct owned {
      std::unique_ptr<stream> way;
      std::unique_ptr<listener> listening;
      std::unique_ptr<pending> underway;
      std::byte into[16];
    };
    const auto make = [] { return std::make_shared<owned>(); };
    const auto reads = make();
    reads->way = std::move(both.client);
    reads->way->read_some(reads->into, [reads, called](auto) { *called = true; });
    world.settle();
    const auto timed = make();
    timed->underway = world.bytes.after(1h, [timed, called] { *called = true; });
    const auto accepts = make();
    accepts->listening = std::move(
        *world.bytes.listen({"127.0.0.1", 0}, [accepts, called](auto) { *called = true; }));
    const auto dials = make();
    dials->underway = world.bytes.dial({"127.0.0.1", accepts->listening->port()}, 1h,
                                       [dials, called](auto) { *called = true; });
    world.bytes.post(
        [called, kept = std::make_shared<stream_pair>(std::move(both))] { *called = true; });
  }
  CHECK_FALSE(*called);
  CHECK(called.use_count() == 1);
  CHECK(open_descriptors() == before);
}

TEST_CASE("a transport that ends before a handle ends the program and says what to do") {
  std::array<int, 2> said{};
  REQUIRE(::pipe(said.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(said[1], 2);
    std::signal(SIGABRT, SIG_DFL);
    std::unique_ptr<pending> left;
    {
      hand_driven world;
      left = world.bytes.after(1h, [] {});
    }
    ::_exit(0);
  }
  ::close(said[1]);
  std::string text;
  std::array<char, 256> part{};
  for (ssize_t n = 0; (n = ::read(said[0], part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  ::close(said[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
  CHECK_THAT(text, matchers::ContainsSubstring("destroy what uses the network of a system"));
}
