#include "support/surroundings.hpp"

#include "support/repeated_runs.hpp"

#include <cstdlib>
#include <thread>

namespace troupe_test {
namespace {

[[maybe_unused]] const bool is_repeated = (test_runs = simulated() ? 20 : 1, true);

}  // namespace

bool simulated() {
  static const bool asked = std::getenv("TROUPE_SIMULATED") != nullptr;
  return asked;
}

test_simulation::~test_simulation() {
  guarded([this] { throw_violation(); });
}

std::shared_ptr<test_simulation> test_simulation::current(std::chrono::nanoseconds turn_cost) {
  static std::weak_ptr<test_simulation> shared;
  auto it = shared.lock();
  if (!it)
    shared = it = std::make_shared<test_simulation>(
        troupe::sim::simulation_options{.seed = test_run, .turn_cost = turn_cost});
  return it;
}

void test_simulation::guarded(const std::function<void()>& function) noexcept {
  try {
    function();
  } catch (const troupe::sim::violation& broken) {
    FAIL_CHECK(broken.what());
  }
}

lodging::lodging()
    : in(simulated() ? test_simulation::current() : nullptr),
      where(in == nullptr ? nullptr : &in->add_host("test")) {}

troupe::system_options lodging::options(troupe::system_options wanted) const {
  if (in == nullptr) return wanted;
  const troupe::system_options of_host = where->options();
  if (wanted.time == nullptr) wanted.time = of_host.time;
  if (wanted.random == nullptr) wanted.random = of_host.random;
  wanted.simulated = of_host.simulated;
  return wanted;
}

bool comes_true(const std::function<bool()>& holds) {
  if (simulated()) {
    bool held = false;
    test_simulation::guarded(
        [&] { held = test_simulation::current()->run_until(holds, patience); });
    return held;
  }
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace troupe_test
