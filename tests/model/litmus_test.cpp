// The outcomes that C++ allows and forbids for small programs, as the checker sees them.
#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

#include <set>
#include <vector>

using namespace troupe::model;

namespace {

using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;
using word = model_atomic<int>;
using outcomes = std::set<std::vector<int>>;

struct litmus {
  word x;
  word y;
  std::vector<int> seen;
};

// All that the program can see, over all executions.
template <class... Threads>
outcomes all_outcomes(std::size_t loads, Threads... threads) {
  outcomes all;
  const findings found = explore(without_bound, [&](execution& run) {
    litmus shared;
    shared.seen.resize(loads);
    (run.start("thread", [&] { threads(shared); }), ...);
    run.join();
    all.insert(shared.seen);
  });
  CHECK(found.failure.empty());
  CHECK(found.exhausted);
  return all;
}

outcomes store_buffering(memory_order store, memory_order load) {
  return all_outcomes(
      2,
      [=](litmus& m) {
        m.x.store(1, store);
        m.seen[0] = m.y.load(load);
      },
      [=](litmus& m) {
        m.y.store(1, store);
        m.seen[1] = m.x.load(load);
      });
}

outcomes message_passing(memory_order store, memory_order load) {
  return all_outcomes(
      2,
      [=](litmus& m) {
        m.x.store(1, memory_order_relaxed);
        m.y.store(1, store);
      },
      [=](litmus& m) {
        m.seen[0] = m.y.load(load);
        m.seen[1] = m.x.load(memory_order_relaxed);
      });
}

outcomes independent_reads(memory_order store, memory_order load) {
  return all_outcomes(
      4, [=](litmus& m) { m.x.store(1, store); }, [=](litmus& m) { m.y.store(1, store); },
      [=](litmus& m) {
        m.seen[0] = m.x.load(load);
        m.seen[1] = m.y.load(load);
      },
      [=](litmus& m) {
        m.seen[2] = m.y.load(load);
        m.seen[3] = m.x.load(load);
      });
}

}  // namespace

TEST_CASE(
    "store buffering shows both threads the old values unless all is sequentially consistent") {
  const outcomes consistent{{0, 1}, {1, 0}, {1, 1}};
  const outcomes weak{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  CHECK(store_buffering(memory_order_seq_cst, memory_order_seq_cst) == consistent);
  CHECK(store_buffering(memory_order_relaxed, memory_order_relaxed) == weak);
  CHECK(store_buffering(memory_order_release, memory_order_acquire) == weak);
  CHECK(store_buffering(memory_order_seq_cst, memory_order_acquire) == weak);
  CHECK(store_buffering(memory_order_release, memory_order_seq_cst) == weak);
}

TEST_CASE("message passing needs a release that an acquire reads") {
  const outcomes ordered{{0, 0}, {0, 1}, {1, 1}};
  const outcomes weak{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  CHECK(message_passing(memory_order_release, memory_order_acquire) == ordered);
  CHECK(message_passing(memory_order_seq_cst, memory_order_seq_cst) == ordered);
  CHECK(message_passing(memory_order_relaxed, memory_order_acquire) == weak);
  CHECK(message_passing(memory_order_release, memory_order_relaxed) == weak);
}

TEST_CASE(
    "two readers may see independent writes in different orders unless all is sequentially "
    "consistent") {
  const std::vector<int> opposite{1, 0, 1, 0};
  CHECK_FALSE(independent_reads(memory_order_seq_cst, memory_order_seq_cst).contains(opposite));
  CHECK(independent_reads(memory_order_release, memory_order_acquire).contains(opposite));
  CHECK(independent_reads(memory_order_seq_cst, memory_order_acquire).contains(opposite));
}

TEST_CASE("two relaxed loads of one location never go backwards") {
  const auto seen = all_outcomes(
      2,
      [](litmus& m) {
        m.x.store(1, memory_order_relaxed);
        m.x.store(2, memory_order_relaxed);
      },
      [](litmus& m) {
        m.seen[0] = m.x.load(memory_order_relaxed);
        m.seen[1] = m.x.load(memory_order_relaxed);
      });
  CHECK(seen == outcomes{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}});
}

TEST_CASE("what a thread has seen it never sees older after a synchronisation passed it on") {
  // Thread 2 sees x and releases y; thread 3 acquires y.
  const auto seen = all_outcomes(
      3, [](litmus& m) { m.x.store(1, memory_order_relaxed); },
      [](litmus& m) {
        m.seen[0] = m.x.load(memory_order_relaxed);
        m.y.store(1, memory_order_release);
      },
      [](litmus& m) {
        m.seen[1] = m.y.load(memory_order_acquire);
        m.seen[2] = m.x.load(memory_order_relaxed);
      });
  CHECK_FALSE(seen.contains({1, 1, 0}));
  CHECK(seen.contains({0, 1, 0}));
  CHECK(seen.contains({1, 0, 0}));
}

TEST_CASE("a read-modify-write continues a release sequence and a store ends it") {
  const auto passing = [](auto between) {
    return all_outcomes(
        2,
        [](litmus& m) {
          m.x.store(1, memory_order_relaxed);
          m.y.store(1, memory_order_release);
        },
        between,
        [](litmus& m) {
          m.seen[0] = m.y.load(memory_order_acquire);
          m.seen[1] = m.x.load(memory_order_relaxed);
        });
  };
  const auto continued = passing([](litmus& m) { m.y.fetch_add(2, memory_order_relaxed); });
  CHECK_FALSE(continued.contains({3, 0}));
  CHECK(continued.contains({3, 1}));
  CHECK(continued.contains({2, 0}));
  const auto ended = passing([](litmus& m) {
    int one = 1;
    if (m.y.compare_exchange_strong(one, 1, memory_order_relaxed, memory_order_relaxed))
      m.y.store(3, memory_order_relaxed);
  });
  CHECK(ended.contains({3, 0}));
}

TEST_CASE("read-modify-writes of several threads never lose one another's work") {
  std::set<int> sums;
  const findings found = explore(without_bound, [&](execution& run) {
    word sum;
    for (int i = 0; i < 3; ++i)
      run.start("adder", [&] {
        sum.fetch_add(1, memory_order_relaxed);
        sum.fetch_add(1, memory_order_relaxed);
      });
    run.join();
    sums.insert(sum.load(memory_order_relaxed));
  });
  CHECK(found.exhausted);
  CHECK(sums == std::set<int>{6});
}

TEST_CASE("a compare-exchange succeeds on the newest value only and may fail on an older one") {
  std::set<int> results;
  const findings found = explore(without_bound, [&](execution& run) {
    word x;
    run.start("writer", [&] { x.store(1, memory_order_relaxed); });
    run.start("swapper", [&] {
      int expected = 1;
      const bool done =
          x.compare_exchange_strong(expected, 2, memory_order_relaxed, memory_order_relaxed);
      results.insert(done ? 100 : expected);
    });
    run.join();
  });
  CHECK(found.exhausted);
  CHECK(results == std::set<int>{0, 100});
}

TEST_CASE("load buffering is not searched") {
  const auto seen = all_outcomes(
      2,
      [](litmus& m) {
        m.seen[0] = m.x.load(memory_order_relaxed);
        m.y.store(1, memory_order_relaxed);
      },
      [](litmus& m) {
        m.seen[1] = m.y.load(memory_order_relaxed);
        m.x.store(1, memory_order_relaxed);
      });
  CHECK(seen == outcomes{{0, 0}, {0, 1}, {1, 0}});
}
