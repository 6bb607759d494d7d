#pragma once

#include "model/explore.hpp"

namespace troupe::model {

// How good the scenarios are: each order and each check in the code under test is weakened, one at
// a time, and a scenario must notice. `model_tests --mutations [part of a file's name]` prints the
// table; every change is tried in a child process, which may crash.
class mutation_run {
 public:
  [[nodiscard]] static bool active() noexcept;
  // In the place of a test's search: collects the sites that it reaches, or looks whether it
  // notices the change that is being tried.
  static void examine(const bounds& within, const std::function<void(execution&)>& program);
};

}  // namespace troupe::model
