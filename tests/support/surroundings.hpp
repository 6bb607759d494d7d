#pragma once
// Where the systems of a test live: on threads of their own or, in programs built with
// TROUPE_SIMULATED, in a simulation, once for each of many seeds. Most tests run in both. The tag
// [threads] is for those that cannot: they need functions that block each other, or threads of
// their own, or what only the real scheduler does, or are too large to be run many times.

#include <troupe/system.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#ifdef TROUPE_SIMULATED
#include <troupe/sim/simulation.hpp>

#include "support/repeated_runs.hpp"
#endif

namespace troupe_test {

using namespace std::chrono_literals;

/// How long a test waits for what must come.
inline constexpr auto patience = 20s;

#ifndef TROUPE_SIMULATED

/// Where one system lives.
class lodging {
 public:
  [[nodiscard]] troupe::system_options options(troupe::system_options wanted) const {
    return wanted;
  }
};

/// Waits until the condition holds; false if it does not come to that.
template <class Condition>
[[nodiscard]] bool comes_true(Condition holds) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

#else

inline const bool is_repeated = (test_runs = 20, true);

/// The simulation of the test that runs now, shared by all its systems.
class test_simulation : public troupe::sim::simulation {
 public:
  using simulation::simulation;
  ~test_simulation() {
    guarded([this] { throw_violation(); });
  }
  /// The one that there is, else a new one. While the time of turns is 0, time stands still as long
  /// as anything can run.
  static std::shared_ptr<test_simulation> current(std::chrono::nanoseconds turn_cost = 1us) {
    static std::weak_ptr<test_simulation> shared;
    auto it = shared.lock();
    if (!it)
      shared = it = std::make_shared<test_simulation>(
          troupe::sim::simulation_options{.seed = test_run, .turn_cost = turn_cost});
    return it;
  }
  /// For destructors: what goes wrong fails the test.
  template <class Function>
  static void guarded(Function function) noexcept {
    try {
      function();
    } catch (const troupe::sim::violation& broken) {
      FAIL_CHECK(broken.what());
    }
  }
};

class lodging {
 public:
  [[nodiscard]] troupe::system_options options(troupe::system_options wanted) const {
    const troupe::system_options simulated = where.options();
    if (wanted.time == nullptr) wanted.time = simulated.time;
    if (wanted.random == nullptr) wanted.random = simulated.random;
    wanted.simulated = simulated.simulated;
    return wanted;
  }
  const std::shared_ptr<test_simulation> in = test_simulation::current();
  troupe::sim::host& where = in->add_host("test");
};

template <class Condition>
[[nodiscard]] bool comes_true(Condition holds) {
  bool held = false;
  test_simulation::guarded(
      [&] { held = test_simulation::current()->run_until(std::move(holds), patience); });
  return held;
}

#endif

}  // namespace troupe_test
