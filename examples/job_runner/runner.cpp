#include "runner.hpp"

#include <algorithm>
#include <cmath>

namespace jobs {
namespace {

using std::chrono::nanoseconds;
using troupe::context;
using troupe::task;

constexpr auto events = "events";
constexpr auto tasks = "tasks";
constexpr auto gate = "gate";

// Asks for leave to start.
struct may_start {
  using reply = void;
};

// Answers so often a second at most. Who asks meanwhile waits in its mailbox.
class start_gate : public troupe::server {
 public:
  using handles = troupe::messages<may_start>;
  explicit start_gate(double per_second)
      : interval_(per_second > 0 ? static_cast<std::int64_t>(std::ceil(1e9 / per_second)) : 0) {}
  task<> handle(may_start) {
    if (next_ > self.now()) co_await self.sleep(next_ - self.now());
    next_ = self.now() + interval_;
  }

 private:
  nanoseconds interval_;
  troupe::steady_time next_;
};

nanoseconds pause_after(std::size_t attempt, const troupe::backoff& how, std::uint64_t drawn) {
  const double grown = static_cast<double>(how.first.count()) *
                       std::pow(how.factor, static_cast<double>(attempt - 1));
  const double bounded = std::min(grown, static_cast<double>(how.limit.count()));
  const double chance = std::ldexp(static_cast<double>(drawn >> 11U), -52) - 1;  // [-1, 1)
  return nanoseconds(static_cast<std::int64_t>(bounded * (1 + how.jitter * chance)));
}

struct outcome {
  std::size_t index;  // of the job
  std::optional<std::string> error;
};

// A job with its retries, in a task of its own.
task<outcome> run_with_retries(context self, std::size_t index, job what, runner_options how) {
  for (std::size_t attempt = 1;; ++attempt) {
    co_await self.call(gate, may_start{}, troupe::infinity);
    self.send(events, attempt_started{what, attempt});
    std::string error;
    try {
      std::string found = co_await perform(self, what);
      self.send(events, job_done{std::move(what), std::move(found)});
      co_return outcome{index, std::nullopt};
    } catch (const std::exception& e) {
      error = e.what();
    }
    if (attempt > how.retries) {
      self.send(events, attempt_failed{std::move(what), attempt, error, std::nullopt});
      co_return outcome{index, std::move(error)};
    }
    const nanoseconds pause = pause_after(attempt, how.pause, self.random());
    const auto in_ms = std::chrono::ceil<std::chrono::milliseconds>(pause);
    self.send(events, attempt_failed{what, attempt, std::move(error), in_ms});
    co_await self.sleep(in_ms);
  }
}

}  // namespace

std::vector<troupe::child_spec> services(const runner_options& how,
                                         std::vector<troupe::handler_spec> handlers) {
  return {troupe::event_manager(events, std::move(handlers)).registered(),
          troupe::child<start_gate>(gate, how.per_second).registered(),
          troupe::supervisor(tasks, troupe::dynamic{}, troupe::tasks()).registered()};
}

task<summary> run_jobs(context self, std::vector<job> all, runner_options how) {
  // What is not answered for in the end has crashed: one such job does not hold up the others.
  std::vector<std::optional<std::string>> errors(all.size(), "its task crashed; the log says why");
  troupe::async_stream results(
      self, std::views::iota(std::size_t{0}, all.size()),
      [&all, how](context me, std::size_t i) { return run_with_retries(me, i, all[i], how); },
      {.max_concurrency = how.at_once,
       .ordered = false,
       .timeout = troupe::infinity,
       .under = tasks});
  while (auto ended = co_await results.next())
    if (*ended) errors[(**ended).index] = std::move((**ended).error);
  co_await self.call(events, troupe::events_handled{}, troupe::infinity);
  summary sum;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (errors[i])
      sum.failed.push_back({std::move(all[i]), std::move(*errors[i])});
    else
      ++sum.done;
  }
  co_return sum;
}

}  // namespace jobs
