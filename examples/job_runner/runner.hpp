#pragma once
// Runs jobs: so many at once, so many starts a second, and again after a pause what has failed.

#include "job.hpp"

#include <troupe/async_stream.hpp>
#include <troupe/event_manager.hpp>
#include <troupe/supervisor.hpp>

#include <optional>
#include <string>
#include <vector>

namespace jobs {

struct runner_options {
  std::size_t at_once = 4;
  double per_second = 10;   // attempts that start, retries included; 0: as many as there are
  std::size_t retries = 3;  // after the first attempt
  troupe::backoff pause = {.first = std::chrono::milliseconds(200),
                           .limit = std::chrono::seconds(10)};
};

// What happens, in the order in which it does: shown to the handlers of the event manager.
struct attempt_started {
  job what;
  std::size_t attempt;  // from 1
};
struct attempt_failed {
  job what;
  std::size_t attempt;
  std::string error;
  std::optional<std::chrono::milliseconds> retry_after;  // none: that was the last
};
struct job_done {
  job what;
  std::string found;
};

struct failed_job {
  job what;
  std::string error;
};
struct summary {
  std::size_t done = 0;
  std::vector<failed_job> failed;  // in the order of their lines
};

/// What the runner needs under its names: an event manager with these handlers, and a supervisor of
/// the jobs' tasks.
std::vector<troupe::child_spec> services(const runner_options& how,
                                         std::vector<troupe::handler_spec> handlers);

/// Runs all jobs in a system that has the services, and returns when each is done or given up.
troupe::task<summary> run_jobs(troupe::context self, std::vector<job> all, runner_options how);

}  // namespace jobs
