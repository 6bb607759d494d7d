#include "runner.hpp"

#include <troupe/system.hpp>

#include "support/surroundings.hpp"

#include <functional>
#include <map>
#include <sstream>

using namespace jobs;
using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::steady_time;

namespace {

// What happened, as a handler saw it.
struct record {
  std::vector<steady_time> starts;
  std::size_t now = 0;
  std::size_t most = 0;
  std::map<std::size_t, std::size_t> attempts;  // by line
  std::vector<std::size_t> ends;                // lines
};

class recorder : public troupe::event_handler {
 public:
  using handles = troupe::messages<attempt_started, attempt_failed, job_done>;
  explicit recorder(record* to) : to_(to) {}
  void handle(const attempt_started& e) {
    to_->starts.push_back(self.now());
    to_->most = std::max(to_->most, ++to_->now);
    CHECK(++to_->attempts[e.what.line] == e.attempt);
  }
  void handle(const attempt_failed& e) {
    --to_->now;
    if (!e.retry_after) to_->ends.push_back(e.what.line);
  }
  void handle(const job_done& e) {
    --to_->now;
    to_->ends.push_back(e.what.line);
  }

 private:
  record* to_;
};

// The tests say what is expected; and a real log reads the real time.
class silence final : public troupe::log_sink {
 public:
  void write(troupe::log_level, std::string_view) noexcept override {}
};

// Runs the jobs of this text in a simulation.
struct run {
  run(const std::string& text, const runner_options& how) {
    const lodging where;
    troupe::system system(where.options({.log = std::make_shared<silence>()}));
    system.supervise(troupe::one_for_one{},
                     services(how, {troupe::handler<recorder>("recorder", &happened)}));
    std::istringstream in(text);
    began = system.time()->now();
    sum = system.run([&](context self) { return run_jobs(self, read_jobs(in, "text"), how); });
    took = system.time()->now() - began;
  }
  record happened;
  summary sum;
  steady_time began;
  std::chrono::nanoseconds took{};
};

std::string times(int n, const std::string& line) {
  std::string text;
  for (int i = 0; i < n; ++i) text += line + '\n';
  return text;
}

constexpr runner_options patient{.at_once = 2,
                                 .per_second = 0,
                                 .retries = 3,
                                 .pause = {.first = 200ms, .factor = 2, .limit = 10s, .jitter = 0}};

}  // namespace

TEST_CASE("all jobs are done and the summary says so") {
  const run r("sleep 10\nfail 0\nsleep 5\n", {});
  CHECK(r.sum.done == 3);
  CHECK(r.sum.failed.empty());
  CHECK(r.happened.ends.size() == 3);
}

TEST_CASE("there are no more jobs at once than allowed and as many as that") {
  const run r(times(20, "sleep 1000"), {.at_once = 4, .per_second = 0});
  CHECK(r.happened.most == 4);
  CHECK(r.took >= 5s);
  CHECK(r.took < 6s);
}

TEST_CASE("no more attempts start in a second than allowed") {
  const run r(times(20, "fail 0.3"), {.at_once = 20, .per_second = 5, .retries = 10});
  const auto& starts = r.happened.starts;
  REQUIRE(starts.size() >= 20);
  for (std::size_t i = 5; i < starts.size(); ++i) {
    // The recorder sees a start a little later than it is: by turns of other processes.
    CHECK(starts[i] - starts[i - 5] > 990ms);
  }
}

TEST_CASE("a job that fails is tried again after growing pauses and then given up") {
  const run r("sleep 1\nfail 1\nsleep 2\n", patient);
  CHECK(r.happened.attempts.at(2) == 4);
  CHECK(r.took >= 200ms + 400ms + 800ms);
  CHECK(r.took < 1500ms);
  CHECK(r.sum.done == 2);
  REQUIRE(r.sum.failed.size() == 1);
  CHECK(r.sum.failed[0].what.line == 2);
  CHECK_THAT(r.sum.failed[0].error, ContainsSubstring("as it was asked to"));
}

TEST_CASE("a job that fails at times is done in the end") {
  runner_options how = patient;
  how.retries = 100;
  const run r(times(5, "fail 0.7"), how);
  CHECK(r.sum.done == 5);
}

TEST_CASE("a job that is paused or slow does not hold up what comes after it") {
  const run r("sleep 100000\nsleep 10\nsleep 20\nsleep 30\n", patient);
  CHECK(r.happened.ends == std::vector<std::size_t>{2, 3, 4, 1});
}

TEST_CASE("failed jobs are listed in the order of their lines with what went wrong") {
  runner_options how = patient;
  how.retries = 0;
  const run r("fail 1\nhash /nowhere/at all\nsleep 1\nfail 1\n", how);
  REQUIRE(r.sum.failed.size() == 3);
  CHECK(r.sum.failed[0].what.line == 1);
  CHECK(r.sum.failed[1].what.line == 2);
  CHECK(r.sum.failed[1].error == "cannot open /nowhere/at all");
  CHECK(r.sum.failed[2].what.line == 4);
}

TEST_CASE("no jobs are done at once") {
  const run r("# nothing\n", {});
  CHECK(r.sum.done == 0);
  CHECK(r.sum.failed.empty());
}
