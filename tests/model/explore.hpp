#pragma once

#include "model/execution.hpp"

#include <cstdint>
#include <string>

namespace troupe::model {

// How far a program is searched: all runs in which at most so many threads were interrupted that
// could have gone on. Most mistakes need two at most (the experience of CHESS).
struct bounds {
  int preemptions = 2;
  int deep_preemptions = 3;  // where the environment says TROUPE_DEEP=1
  double seconds = 1e9;      // after which the search is given up, not exhausted
};
inline constexpr bounds without_bound{.preemptions = no_bound, .deep_preemptions = no_bound};

struct findings {
  bool exhausted = false;  // all runs within the bound were executed, and nothing was wrong
  std::uint64_t executions = 0;
  double seconds = 0;
  std::string failure;  // what was wrong, or empty
  std::string choices;  // of that run: replays it
  std::string trace;    // of that run: who did what, in order
  [[nodiscard]] std::string report() const;
};

// Runs the program in all ways there are, until one is wrong. A choice vector replays one run.
[[nodiscard]] findings explore(const bounds& within, const std::function<void(execution&)>& program,
                               const std::string& replay = {});

// For test cases: the program is right in all runs, and prints how many those were. The environment
// TROUPE_MODEL_REPLAY=choices replays one run and prints it.
void always(const bounds& within, const std::function<void(execution&)>& program);

}  // namespace troupe::model
