#pragma once

#include <troupe/signals.hpp>
#include <troupe/spawn.hpp>

#include <memory>

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
// Something to keep until the end.
struct kept_sent : signal {
  explicit kept_sent(std::unique_ptr<kept_until_end> given) : what(std::move(given)) {}
  std::unique_ptr<kept_until_end> what;
};
// What a timer sends to a bounded mailbox: its limits do not hold for it.
struct timer_message_sent : signal {
  explicit timer_message_sent(message_node* node) : what(node) {}
  message what;
};
// To a supervisor from its child: init is through.
struct init_done {
  pid child;
};

}  // namespace troupe::internal
