#include "sim/mixed_workload.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

using namespace troupe_test;
using namespace std::chrono_literals;
using troupe::sim::world;

namespace {

std::uint64_t hash_of_run(std::uint64_t seed) {
  world w({.seed = seed});
  run_mixed_workload(w, {.under_faults = 5s});
  return w.hash();
}

std::string hashes_of_runs() {
  std::string text;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "seed %llu: hash %016llx\n",
                  static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(hash_of_run(seed)));
    text += line.data();
  }
  return text;
}

}  // namespace

TEST_CASE("a run of a cluster can be repeated in the same process") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) CHECK(hash_of_run(seed) == hash_of_run(seed));
}

// Not run by itself: what it prints is compared between processes here, and between compilers by
// cmake/debian13.sh.
TEST_CASE("print the hashes of some runs", "[.hashes]") {
  std::fputs(hashes_of_runs().c_str(), stdout);
}

TEST_CASE("a run of a cluster is the same in another process at other addresses") {
  const std::string command =
      std::filesystem::read_symlink("/proc/self/exe").string() + " '[.hashes]'";
  FILE* const other = ::popen(command.c_str(), "r");
  REQUIRE(other != nullptr);
  std::string printed;
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), part.size(), other) != nullptr) printed += part.data();
  CHECK(::pclose(other) == 0);
  CHECK_THAT(printed, matchers::ContainsSubstring(hashes_of_runs()));
}

TEST_CASE("a run that is not the recorded one is stopped at the first event that differs") {
  std::vector<std::uint64_t> recorded;
  {
    world w({.seed = 1});
    w.engine().record_events();
    run_mixed_workload(w, {.under_faults = 1s});
    recorded = w.engine().events();
  }
  REQUIRE(recorded.size() > 100);
  {
    world w({.seed = 1});
    w.engine().expect_events(recorded);
    run_mixed_workload(w, {.under_faults = 1s});
  }
  recorded[50] ^= 1;
  world w({.seed = 1});
  w.engine().expect_events(recorded);
  CHECK_THROWS_WITH(run_mixed_workload(w, {.under_faults = 1s}),
                    matchers::ContainsSubstring("event 51 differs"));
}
