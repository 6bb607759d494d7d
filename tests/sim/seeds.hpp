#pragma once
// How many seeds a test explores, and what it tells of them.

#include <troupe/net/sim.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

namespace troupe_test {

// A longer run: TROUPE_SEEDS=100000 sim_tests "a cluster*"
inline std::uint64_t seeds_wanted(std::uint64_t normally) {
  const char* const text = std::getenv("TROUPE_SEEDS");
  return text == nullptr ? normally : std::strtoull(text, nullptr, 10);
}

inline void print(const troupe::sim::explored& done) {
  const auto seconds = [](std::chrono::nanoseconds t) {
    return std::chrono::duration<double>(t).count();
  };
  std::printf("%llu seeds, %llu steps, %.1f virtual hours, %.1f s, %.0f ns a step\n",
              static_cast<unsigned long long>(done.seeds),
              static_cast<unsigned long long>(done.steps), seconds(done.virtual_time) / 3600,
              seconds(done.real_time),
              seconds(done.real_time) * 1e9 / static_cast<double>(done.steps));
  for (const auto& [what, runs] : done.reached)
    std::printf("  %s: in %llu runs\n", what.c_str(), static_cast<unsigned long long>(runs));
}

// A green simulation may be an idle one: what is rare did happen.
inline void expect_reached(const troupe::sim::explored& done,
                           std::initializer_list<const char*> all) {
  if (done.seeds < 100) return;
  for (const char* what : all) {
    INFO(what);
    CHECK(std::any_of(done.reached.begin(), done.reached.end(),
                      [&](const auto& r) { return r.first == what; }));
  }
}

}  // namespace troupe_test
