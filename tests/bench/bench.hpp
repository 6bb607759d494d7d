#pragma once
// What a workload of troupe-bench is given, and how it measures and reports.

#include <troupe/troupe.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bench {

/// What the command line asks for.
struct settings {
  std::size_t workers = 0;  // of each system; 0 is the default, one for each core
  double scale = 1;         // factor on the amount of work
  double seconds = 5;       // how long `idle` looks
  bool json = false;        // a JSON object a line in the place of a table
};

[[nodiscard]] troupe::system_options options_of(std::size_t workers);

/// One run of one workload.
class run {
 public:
  run(std::string_view workload, const settings& chosen) : workload_(workload), chosen_(chosen) {}

  /// The amount of work: that of a full run times the scale, at least 1.
  [[nodiscard]] std::int64_t times(std::int64_t full) const;
  /// What a system is made with: the defaults, but for the number of workers and a quieter log.
  [[nodiscard]] troupe::system_options options() const { return options_of(chosen_.workers); }
  [[nodiscard]] const settings& chosen() const noexcept { return chosen_; }

  /// Prints a figure. The suffix tells several figures of one workload apart.
  void report(double value, std::string_view unit, std::string_view suffix = {});
  [[nodiscard]] bool reported() const noexcept { return reported_; }

 private:
  std::string workload_;
  settings chosen_;
  bool reported_ = false;
};

/// Ends the program with status 1 and a text that says what was wrong. Any thread or process.
[[noreturn]] void wrong(std::string_view what);
/// The same unless both numbers are equal.
void expect_equal(std::string_view what, std::int64_t is, std::int64_t must_be);
/// The same unless the number is that within a minute.
void expect_soon(std::string_view what, const std::function<std::int64_t()>& look,
                 std::int64_t must_be);

/// Wall time that the function takes, in seconds.
template <class Function>
[[nodiscard]] double seconds_of(Function&& function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
/// The same as nanoseconds for each of `count` operations.
template <class Function>
[[nodiscard]] double ns_each(std::int64_t count, Function&& function) {
  return seconds_of(function) * 1e9 / static_cast<double>(count);
}

/// Memory of this OS process that is in RAM now, in bytes.
[[nodiscard]] std::int64_t resident_bytes();
/// CPU time that this OS process has taken, in seconds.
[[nodiscard]] double cpu_seconds();
/// Sleeps until this OS process uses no CPU any more, as far as can be seen from outside: what was
/// spawned waits. For figures, not for results.
void until_quiet();

}  // namespace bench
