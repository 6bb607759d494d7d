// job_runner: runs the jobs of a file, some at once and not too many a second. See README.md.

#include "console.hpp"

#include <troupe/system.hpp>

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

namespace {

constexpr int some_failed = 1;
constexpr int bad_usage = 2;

struct settings {
  std::string input = "-";
  jobs::runner_options how;
};

void describe(CLI::App& program, settings& chosen) {
  program.add_option("input", chosen.input, "A file of jobs, one a line; - is the standard input")
      ->capture_default_str();
  program.add_option("--at-once", chosen.how.at_once, "Jobs that run at the same time, at most")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  program
      .add_option("--per-second", chosen.how.per_second,
                  "Attempts that start in a second, at most; 0 is no limit")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  program.add_option("--retries", chosen.how.retries, "Attempts after a first one that failed")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  program
      .add_option_function<int>(
          "--pause", [&](int ms) { chosen.how.pause.first = std::chrono::milliseconds(ms); },
          "Milliseconds before the first retry, then twice as long for each, up to 10 s; 200 "
          "unless set")
      ->check(CLI::Range(1, 10'000));
}

std::vector<jobs::job> read_input(const std::string& name) {
  if (name == "-") return jobs::read_jobs(std::cin, "standard input");
  std::ifstream file(name);
  if (!file) throw jobs::bad_input("cannot open " + name + ": give a file of jobs, or -");
  return jobs::read_jobs(file, name);
}

int run(const settings& chosen) {
  std::vector<jobs::job> all = read_input(chosen.input);
  troupe::system system;
  system.supervise(
      troupe::one_for_one{},
      jobs::services(chosen.how, {troupe::handler<jobs::console>("console", &std::cout)}));
  const jobs::summary sum = system.run(
      [&](troupe::context self) { return jobs::run_jobs(self, std::move(all), chosen.how); });
  std::cout << sum.done << " done, " << sum.failed.size() << " failed\n";
  for (const auto& [what, error] : sum.failed)
    std::cout << "  line " << what.line << ": " << what.text << ": " << error << '\n';
  return sum.failed.empty() ? 0 : some_failed;
}

}  // namespace

int main(int argc, char** argv) {
  settings chosen;
  CLI::App program("Runs jobs: hash FILE, sleep MILLISECONDS, fail PROBABILITY; one a line");
  describe(program, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return program.exit(e) == 0 ? 0 : bad_usage;
  }
  try {
    return run(chosen);
  } catch (const jobs::bad_input& e) {
    std::cerr << "job_runner: no job was run:\n" << e.what() << '\n';
    return bad_usage;
  } catch (const std::exception& e) {
    std::cerr << "job_runner: " << e.what() << '\n';
    return some_failed;
  }
}
