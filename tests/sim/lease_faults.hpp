#pragma once

#include <troupe/net/sim.hpp>

namespace troupe_test {

/// Faults that come between holders of leases and their directory, each kind in half of the runs.
inline troupe::sim::chaos_options faults_for_leases(troupe::sim::random& draws) {
  using namespace std::chrono_literals;
  const auto maybe = [&](std::chrono::nanoseconds mean) {
    return draws.one_in(2) ? mean : std::chrono::nanoseconds{};
  };
  return {.partition = maybe(20s),
          .one_way = maybe(20s),
          .stall = maybe(15s),
          .cut = maybe(5s),
          .pause = maybe(20s),
          .crash = maybe(20s),
          .clock_jump = maybe(20s),
          .longest = 25s};
}

}  // namespace troupe_test
