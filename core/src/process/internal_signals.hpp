#pragma once

#include <troupe/signals.hpp>

namespace troupe::internal {

// Signals that never leave the node.
struct timeout_sent : signal {
  explicit timeout_sent(std::uint64_t of) : token(of) {}
  std::uint64_t token;
};
struct completion_sent : signal {
  explicit completion_sent(std::uint64_t of) : token(of) {}
  std::uint64_t token;
};
// To a supervisor from its child: init is through.
struct init_done {
  pid child;
};

}  // namespace troupe::internal
