#pragma once

#include <troupe/mailbox_limits.hpp>
#include <troupe/message.hpp>

#include "message/footprint.hpp"

#include <algorithm>
#include <atomic>

namespace troupe::internal {

// How much mail waits for a process whose mailbox is bounded: what is in the mailbox and in the
// process's own queue. One for each slot of the process table; its memory is taken when a bounded
// process first lives there, and stays. Who has counted a message in and then finds the process
// gone counts it out again, so nothing is left over for the next one.
class mailbox_bound {
 public:
  // Before the process can be sent to.
  void open(const mailbox_limits& limits) noexcept {
    max_messages_.store(static_cast<std::int64_t>(limits.messages), std::memory_order_relaxed);
    max_bytes_.store(static_cast<std::int64_t>(limits.bytes), std::memory_order_relaxed);
    when_full_.store(limits.when_full, std::memory_order_relaxed);
    refused_.store(0, std::memory_order_relaxed);
  }

  // What one message counts for. Nothing if it is a signal or a reply.
  struct load {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
  };
  [[nodiscard]] load load_of(const message_node& node) const noexcept {
    if (node.type->kind > message_kind::request) return {};
    return {1, max_bytes_.load(std::memory_order_relaxed) == 0
                   ? 0
                   : static_cast<std::int64_t>(footprint(node))};
  }

  // Any thread. The counters order nothing: the mailbox does. Gives by how much the limits are
  // passed: 0 within them, 1 or more is so many times the limit.
  std::int64_t add(load more) noexcept {
    const auto messages =
        messages_.fetch_add(more.messages, std::memory_order_relaxed) + more.messages;
    const auto bytes = bytes_.fetch_add(more.bytes, std::memory_order_relaxed) + more.bytes;
    return std::max(times(messages, max_messages_), times(bytes, max_bytes_));
  }
  void remove(load less) noexcept {
    messages_.fetch_sub(less.messages, std::memory_order_relaxed);
    bytes_.fetch_sub(less.bytes, std::memory_order_relaxed);
  }

  [[nodiscard]] bool full() const noexcept {
    return std::max(times(messages(), max_messages_), times(bytes(), max_bytes_)) > 0;
  }
  [[nodiscard]] bool half_empty() const noexcept {
    return std::max(times(2 * messages(), max_messages_), times(2 * bytes(), max_bytes_)) == 0;
  }
  [[nodiscard]] overflow when_full() const noexcept {
    return when_full_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t messages() const noexcept {
    return messages_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }
  // Counts one that was refused; gives how many that were.
  std::uint64_t count_refused() noexcept {
    return refused_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

 private:
  static std::int64_t times(std::int64_t now, const std::atomic<std::int64_t>& limit) noexcept {
    const std::int64_t most = limit.load(std::memory_order_relaxed);
    return most == 0 || now <= most ? 0 : (now - 1) / most;
  }

  std::atomic<std::int64_t> messages_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> max_messages_{0};
  std::atomic<std::int64_t> max_bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<overflow> when_full_{overflow::refuse};
};

}  // namespace troupe::internal
