// troupe-bench: the speed and the manners of the runtime, measured through its public API.
//
//   troupe-bench [local|remote|NAME...] [--json] [--list] [--workers N] [--scale F] [--seconds S]

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <troupe/net/peer.hpp>
#include <vector>

#include "workloads.hpp"

namespace {

using bench::settings;
using bench::workload;

// A run that takes longer has lost a message: it is ended, and reported as failed.
constexpr unsigned longest_run_seconds = 600;

void list() {
  for (const auto& w : bench::workloads())
    std::printf("%-20.*s %.*s\n", static_cast<int>(w.name.size()), w.name.data(),
                static_cast<int>(w.about.size()), w.about.data());
}

bool named(const workload& w, std::string_view name) {
  return name == w.name || name == (w.where == bench::place::local ? "local" : "remote");
}

// Throws CLI::ValidationError for a name that there is none of.
std::vector<workload> choose(const std::vector<std::string>& names) {
  std::vector<workload> chosen;
  for (const auto& w : bench::workloads())
    if (names.empty() || std::ranges::any_of(names, [&](auto& name) { return named(w, name); }))
      chosen.push_back(w);
  for (const auto& name : names)
    if (std::ranges::none_of(chosen, [&](auto& w) { return named(w, name); }))
      throw CLI::ValidationError("NAME", "no workload is called " + name + "; --list names them");
  return chosen;
}

int run_here(const workload& w, const settings& how) {
  ::alarm(longest_run_seconds);
  bench::run run(w.name, how);
  w.measure(run);
  if (!run.reported()) bench::wrong("no figure");
  return 0;
}

// In an OS process of its own: no workload finds memory or threads that another one has left.
bool run_apart(const workload& w, const settings& how) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(run_here(w, how));
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    std::perror("troupe-bench: cannot start a process");
    return false;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::fprintf(stderr, "troupe-bench: %.*s failed%s%s\n", static_cast<int>(w.name.size()),
               w.name.data(), WIFSIGNALED(status) ? ": " : "",
               WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "");
  return false;
}

int run_all(const std::vector<workload>& chosen, const settings& how) {
  if (chosen.size() == 1) return run_here(chosen.front(), how);  // as profilers like it
  bool right = true;
  for (const auto& w : chosen) right = run_apart(w, how) && right;
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  settings how;
  std::vector<std::string> names;
  bool only_list = false;
  CLI::App program("Measures troupe; every workload checks its own result");
  program.add_option("NAME", names, "local, remote or names of workloads; all if none is given");
  program.add_flag("--json", how.json, "a JSON object a line");
  program.add_flag("--list", only_list, "say what there is, a line each");
  program.add_option("--workers", how.workers, "of each system; 0: one for each core")
      ->check(CLI::Range(0, 64));
  program.add_option("--scale", how.scale, "factor on the amount of work")
      ->check(CLI::PositiveNumber);
  program.add_option("--seconds", how.seconds, "how long idle looks")->check(CLI::PositiveNumber);
  try {
    program.parse(argc, argv);
    if (only_list)
      list();
    else if (troupe::net::is_peer())
      bench::serve_as_peer(how);
    else
      return run_all(choose(names), how);
    return 0;
  } catch (const CLI::Error& refused) {
    return program.exit(refused);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "troupe-bench: %s\n", failed.what());
    return 1;
  }
}
