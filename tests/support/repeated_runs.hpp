#pragma once

#include <cstdint>

namespace troupe_test {

/// How often a test program runs the tests that it is asked for. Set by a static initialiser.
inline std::uint64_t test_runs = 1;
/// The number of the run that is under way, from 1: the seed for tests that live in a simulation.
/// With TROUPE_SEED in the environment only that run is made.
inline std::uint64_t test_run = 1;

}  // namespace troupe_test
