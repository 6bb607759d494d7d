// log_pipeline: counts the lines of a log by host and level, with no more lines in memory than its
// slowest stage allows. README.md shows it at work.

#include "pipeline.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
  logs::pipeline_options chosen;
  std::string file;
  int slow_ms = 0;
  CLI::App program("Counts the lines of a log, `TIME HOST LEVEL TEXT`, by host and level");
  program.add_option("file", file, "The log; standard input unless given");
  program.add_option("--aggregators", chosen.aggregators, "Processes that count, each some hosts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  program.add_option("--max-demand", chosen.max_demand, "Lines that a stage asks for at once")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  program.add_option("--buffer", chosen.buffer_size, "Lines that wait for a slow aggregator")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  program.add_option("--slow", slow_ms, "Milliseconds that an aggregator takes for a batch")
      ->check(CLI::Range(0, 60000));
  program.add_option("--crash-on", chosen.crash_on, "An aggregator that meets this text crashes");
  CLI11_PARSE(program, argc, argv);
  chosen.slow = std::chrono::milliseconds(slow_ms);

  std::ios::sync_with_stdio(false);  // so that it is known what can be read without waiting
  std::ifstream opened;
  if (!file.empty()) {
    opened.open(file);
    if (!opened) {
      std::cerr << "log_pipeline: cannot open " << file << '\n';
      return 1;
    }
  }
  troupe::system system({.log = troupe::make_stderr_log(troupe::log_level::warning)});
  const logs::report made = logs::run_pipeline(system, file.empty() ? std::cin : opened, chosen);
  logs::print(std::cout, made, chosen);
  if (!made.gave_up) return 0;
  std::cerr << "log_pipeline: gave up after too many crashes; the rest of the log is not counted\n";
  return 1;
}
