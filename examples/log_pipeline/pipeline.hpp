#pragma once

#include "stages.hpp"

#include <troupe/system.hpp>

#include <iosfwd>

namespace logs {

struct report {
  sums found;
  std::size_t lost = 0;            // read, and neither counted nor malformed
  std::size_t most_in_flight = 0;  // lines that were read and not counted, at any one time
  bool gave_up = false;            // there were more crashes than restarts are allowed
};

/// Runs the lines of the input through a supervised pipeline in this system, and waits for its end.
report run_pipeline(troupe::system& system, std::istream& input, const pipeline_options& options);

/// As a table, a host a line, and what was malformed, lost and in flight.
void print(std::ostream& out, const report& what, const pipeline_options& options);

}  // namespace logs
