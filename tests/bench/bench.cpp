#include "bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

namespace bench {

troupe::system_options options_of(std::size_t workers) {
  return {.workers = workers, .log = troupe::make_stderr_log(troupe::log_level::warning)};
}

std::int64_t run::times(std::int64_t full) const {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(static_cast<double>(full) * chosen_.scale));
}

void run::report(double value, std::string_view unit, std::string_view suffix) {
  const std::string name = workload_ + std::string(suffix);
  const std::string named_unit(unit);
  const char* const format =
      chosen_.json ? "{\"system\":\"troupe\",\"workload\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n"
                   : "%-20s %14.3f  %s\n";
  std::printf(format, name.c_str(), value, named_unit.c_str());  // NOLINT(*-nonliteral): both above
  std::fflush(stdout);
  reported_ = true;
}

void wrong(std::string_view what) {
  std::fprintf(stderr, "troupe-bench: wrong result: %.*s\n", static_cast<int>(what.size()),
               what.data());
  std::_Exit(1);
}

void expect_equal(std::string_view what, std::int64_t is, std::int64_t must_be) {
  if (is != must_be)
    wrong(std::string(what) + " is " + std::to_string(is) + " and must be " +
          std::to_string(must_be));
}

void expect_soon(std::string_view what, const std::function<std::int64_t()>& look,
                 std::int64_t must_be) {
  constexpr auto step = std::chrono::milliseconds(10);
  constexpr auto limit = std::chrono::minutes(1);
  const auto start = std::chrono::steady_clock::now();
  while (look() != must_be && std::chrono::steady_clock::now() - start < limit)
    std::this_thread::sleep_for(step);
  expect_equal(what, look(), must_be);
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

void until_quiet() {
  constexpr auto step = std::chrono::milliseconds(50);
  constexpr double busy = 0.001;  // seconds of CPU in a step
  for (double before = cpu_seconds();;) {
    std::this_thread::sleep_for(step);
    const double now = cpu_seconds();
    if (now - before < busy) return;
    before = now;
  }
}

}  // namespace bench
