#pragma once

#include <troupe/distribution.hpp>
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
// Stands in the queue among the messages, and goes when the process comes to it.
struct mark_sent : signal {
  explicit mark_sent(std::unique_ptr<mailbox_mark> left) : what(std::move(left)) {}
  std::unique_ptr<mailbox_mark> what;
};
// Kept by a process whose mailbox is full until there is room.
struct room_wanted_sent : signal {
  explicit room_wanted_sent(std::unique_ptr<mailbox_mark> left) : what(std::move(left)) {}
  std::unique_ptr<mailbox_mark> what;
};
[[nodiscard]] inline bool is_mark(const message_node& node) noexcept {
  return node.type == &message_type_of<mark_sent>;
}
// To a supervisor from its child: init is through.
struct init_done {
  pid child;
};

}  // namespace troupe::internal
