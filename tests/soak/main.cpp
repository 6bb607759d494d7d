// troupe-soak: long runs and faults, through the public API; see README.md.
//
//   troupe-soak NAME... [--full] | --list

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>

#include "soak.hpp"

namespace soak {

const std::vector<entry>& entries() {
  static const std::vector<entry> all = {
      {"kill", "kill -9 of a node is seen by others within 100 ms", kill},
      {"silence", "a node that falls silent is seen after 0.75 to 1.25 of the tick time", silence},
      {"load", "an hour with all processors busy: no node is taken for dead", load},
      {"connections", "100,000 connections leave nothing behind", connections},
      {"restarts", "2,000 restarts of a node leave its names in others, and no more", restarts},
      {"spawns", "10,000,000 processes spawned on another node leave nothing behind", spawns},
      {"strangers", "10,000 connections of strangers cost 32 MiB at most, and 6 s", strangers},
      {"slow", "who does not take what it is sent costs the others nothing", slow},
  };
  return all;
}

}  // namespace soak

namespace {

// A run that takes longer is stuck: it is ended, with its peers.
constexpr unsigned longest_seconds = 5400;
constexpr unsigned longest_small_seconds = 200;

const soak::entry& find(const std::string& name) {
  for (const auto& one : soak::entries())
    if (one.name == name) return one;
  throw CLI::ValidationError("NAME", "no run is called " + name + "; --list names them");
}

void list() {
  for (const auto& one : soak::entries())
    std::printf("%-12.*s %.*s\n", static_cast<int>(one.name.size()), one.name.data(),
                static_cast<int>(one.about.size()), one.about.data());
}

int run_all(const std::vector<std::string>& names, bool full) {
  std::vector<const soak::entry*> wanted;
  for (const auto& name : names) wanted.push_back(&find(name));
  bool held = true;
  for (const auto* one : wanted) {
    ::alarm(full ? longest_seconds : longest_small_seconds);
    soak::run run(one->name, full);
    one->go(run);
    held = held && run.held();
  }
  return held ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  bool full = false;
  bool only_list = false;
  std::int64_t tick_time_ms = 0;
  CLI::App program("Long runs and faults of troupe; each judges its figures");
  program.add_option("NAME", names, "of runs");
  program.add_flag("--full", full, "the real sizes; without it each takes seconds");
  program.add_flag("--list", only_list, "say what there is, a line each");
  program.add_option("--tick-time", tick_time_ms, "of a peer, in ms")->group("");
  try {
    program.parse(argc, argv);
    if (only_list)
      list();
    else if (troupe::net::is_peer())
      soak::serve_as_peer(std::chrono::milliseconds(tick_time_ms));
    else
      return run_all(names, full);
    return 0;
  } catch (const CLI::Error& refused) {
    return program.exit(refused);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "troupe-soak: %s\n", failed.what());
    return 1;
  }
}
