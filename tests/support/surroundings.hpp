#pragma once
// Where the systems of a test live: on threads of their own or, with TROUPE_SIMULATED in the
// environment, in a simulation, once for each of many seeds. Most tests run in both. The tag
// [threads] is for those that cannot: they need functions that block each other, or threads of
// their own, or what only the real scheduler does, or are too large to be run many times.

#include <troupe/sim/simulation.hpp>
#include <troupe/system.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace troupe_test {

using namespace std::chrono_literals;

/// Whether this run of the program is simulated.
[[nodiscard]] bool simulated();

/// How long a test waits for what must come.
inline constexpr auto patience = 20s;

/// The simulation of the test that runs now, shared by all its systems.
class test_simulation : public troupe::sim::simulation {
 public:
  using simulation::simulation;
  ~test_simulation();
  /// The one that there is, else a new one. While the time of turns is 0, time stands still as long
  /// as anything can run.
  static std::shared_ptr<test_simulation> current(std::chrono::nanoseconds turn_cost = 1us);
  /// For destructors: what goes wrong fails the test.
  static void guarded(const std::function<void()>& function) noexcept;
};

/// Where one system lives.
class lodging {
 public:
  lodging();
  [[nodiscard]] troupe::system_options options(troupe::system_options wanted) const;
  /// In a simulation; else null.
  const std::shared_ptr<test_simulation> in;
  troupe::sim::host* const where;
};

/// Waits until the condition holds; false if it does not come to that.
[[nodiscard]] bool comes_true(const std::function<bool()>& holds);

}  // namespace troupe_test
