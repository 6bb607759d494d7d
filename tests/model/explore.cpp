#include "model/explore.hpp"

#include "model/mutations.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>

namespace troupe::model {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string findings::report() const {
  return failure + "\nin run " + std::to_string(executions) +
         "; TROUPE_MODEL_REPLAY=" + (choices.empty() ? "0" : choices) + " replays it\n" + trace;
}

findings explore(const bounds& within, const std::function<void(execution&)>& program,
                 const std::string& replay) {
  const auto begin = std::chrono::steady_clock::now();
  const int preemptions =
      environment("TROUPE_DEEP") == "1" ? within.deep_preemptions : within.preemptions;
  choices chosen;
  chosen.set(replay);
  const auto run = std::make_unique<execution>(chosen);
  run->keep_trace(!replay.empty());
  findings found;
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  bool right = true;
  bool more = true;
  do {
    right = run->run(program, preemptions);
    ++found.executions;
    more = right && replay.empty() && chosen.next();
  } while (right && more && (found.executions % 1024 != 0 || seconds() < within.seconds));
  found.exhausted = right && !more && replay.empty();
  if (!right) {
    found.choices = chosen.text();
    if (replay.empty()) {
      chosen.rewind();
      run->keep_trace(true);
      run->run(program, preemptions);
    }
    found.failure = run->failure();
  }
  found.trace = run->trace();
  found.seconds = seconds();
  return found;
}

void always(const bounds& within, const std::function<void(execution&)>& program) {
  if (mutation_run::active()) return mutation_run::examine(within, program);
  const findings found = explore(within, program, environment("TROUPE_MODEL_REPLAY"));
  std::cout << Catch::getResultCapture().getCurrentTestName() << ": " << found.executions
            << " runs, " << found.seconds << " s\n"
            << (found.exhausted ? "" : found.report()) << std::flush;
  CHECK(found.failure.empty());
  CHECK((found.exhausted || !environment("TROUPE_MODEL_REPLAY").empty()));
}

}  // namespace troupe::model
