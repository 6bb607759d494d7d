// How a watch and the place in the poller pass from worker to worker: parking alone, with workers
// that do one thing each.
#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "runtime/parking.hpp"
#include "support/catch.hpp"

#include <array>

using namespace troupe::model;
using troupe::internal::parking;
using troupe::internal::resting_place;

namespace {

enum worker : std::size_t { busy, watcher, idle };

// What there is to do is said, not done.
struct stage {
  static constexpr int quiet_looks = 1;
  struct poller final : troupe::poller {
    void poll(std::chrono::nanoseconds) noexcept override {}
    void interrupt() noexcept override {}
  };
  using from = std::source_location;

  explicit stage(execution& r) : run(r) {
    for (auto& p : places) resting.add(p);
    run.name("parking", resting);
    run.name("next", next);
    run.name("work", work);
  }
  [[nodiscard]] bool has_work(const from& at = from::current()) const {
    return run.check(work.load(), at);
  }
  [[nodiscard]] bool next_waits(std::size_t beside, const from& at = from::current()) const {
    return run.check(beside != busy && next.load(std::memory_order_relaxed), at);
  }
  [[nodiscard]] std::chrono::nanoseconds rest_limit(std::size_t which) const {
    return places[which].watching ? std::chrono::milliseconds(2) : std::chrono::nanoseconds::max();
  }
  // The second worker is on watch: it went to rest while something waited, and did not sleep.
  void put_on_watch() {
    next.store(true);
    work.store(true);
    resting.rest(watcher);
    next.store(false);
    work.store(false);
    run.require(places[watcher].watching, "it is not on watch");
  }
  // Rests until it is on watch; takes the work that there is.
  void rest_until_on_watch() {
    while (!resting.watches(idle)) {
      if (work.load(std::memory_order_relaxed) && work.exchange(false)) resting.begin_turn(idle);
      resting.rest(idle);
    }
  }

  execution& run;
  model_atomic<bool> next;  // the first worker's next-slot is filled
  model_atomic<bool> work;
  std::array<resting_place<model_sync>, 3> places;
  parking<model_sync, stage> resting{*this};
};

}  // namespace

TEST_CASE("a worker on watch that has a turn of its own leaves the watch to an idle one") {
  always({.preemptions = 4, .deep_preemptions = 6}, [](execution& run) {
    stage s(run);
    s.put_on_watch();
    run.start("busy", [&] {
      s.next.store(true, std::memory_order_relaxed);
      s.resting.ensure_watch();
    });
    run.start("watcher", [&] { s.resting.begin_turn(watcher); });
    run.start("idle", [&] { s.rest_until_on_watch(); });
    run.join();
  });
}

TEST_CASE("a worker that goes off watch to sleep looks once more") {
  always({.preemptions = 4, .deep_preemptions = 6}, [](execution& run) {
    stage s(run);
    s.put_on_watch();
    s.resting.has_watched(watcher, true);
    run.start("busy", [&] {
      s.next.store(true, std::memory_order_relaxed);
      s.resting.ensure_watch();
    });
    run.start("watcher", [&] {
      do {
        s.resting.rest(watcher);
      } while (!s.resting.watches(watcher));
    });
    run.join();
  });
}

TEST_CASE("a worker that leaves the poller for long has an idle one take its place") {
  always({.preemptions = 4, .deep_preemptions = 5}, [](execution& run) {
    stage s(run);
    stage::poller sockets;
    s.resting.attach(sockets);
    for (auto& p : s.places) p.bed.consume();  // all were awake
    s.put_on_watch();
    run.start("busy", [&] {
      s.resting.rest(busy);
      (void)s.resting.watches(busy);
      s.resting.begin_turn(busy);
    });
    run.start("watcher", [&] { s.resting.begin_turn(watcher); });
    run.start("idle", [&] {
      do {
        s.resting.rest(idle);
        if (s.resting.watches(idle)) s.resting.has_watched(idle, true);
      } while (!s.places[idle].left_poller);
      s.resting.stop();  // if that one came first, the other sleeps
    });
    run.join();
  });
}

TEST_CASE("a watch that came to nothing does not keep the next one from being set") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    stage s(run);
    run.start("first", [&] { s.resting.ensure_watch(); });
    run.start("busy", [&] {
      s.next.store(true, std::memory_order_relaxed);
      s.resting.ensure_watch();
    });
    run.start("idle", [&] { s.rest_until_on_watch(); });
    run.start("outside", [&] {
      s.work.store(true);
      s.resting.notify();
    });
    run.join();
  });
}
