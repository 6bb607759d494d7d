#pragma once

#include <troupe/mailbox_limits.hpp>
#include <troupe/message.hpp>

#include "message/footprint.hpp"

#include <algorithm>
#include <atomic>

namespace troupe::internal {

// What all mailboxes of a system hold together: system_options::mailbox_budget. If there is such a
// budget, every process is bounded by it.
struct mailbox_budget {
  const std::int64_t most;  // bytes; 0 is no bound
  std::atomic<std::int64_t> used{0};

  [[nodiscard]] bool any() const noexcept { return most != 0; }
  // One mailbox may hold as much as is free (dynamic thresholds, Choudhury and Hahne 1998): those
  // that overflow share what there is, and leave as much as one of them has to the others.
  [[nodiscard]] std::int64_t share() const noexcept {
    return std::max(most - used.load(std::memory_order_relaxed), std::int64_t{1});
  }
};

// How much mail waits for a process whose mailbox is bounded: what is in the mailbox and in the
// process's own queue. One for each slot of the process table; its memory is taken when a bounded
// process first lives there, and stays. Who has counted a message in and then finds the process
// gone counts it out again, so nothing is left over for the next one.
class mailbox_bound {
 public:
  // Before the process can be sent to.
  void open(const mailbox_limits& limits, mailbox_budget& budget) noexcept {
    budget_.store(budget.any() ? &budget : nullptr, std::memory_order_relaxed);
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
    const bool measured = budget() != nullptr || max_bytes_.load(std::memory_order_relaxed) != 0;
    return {1, measured ? static_cast<std::int64_t>(footprint(node)) : 0};
  }

  // Any thread. The counters order nothing: the mailbox does. Gives by how much the limits are
  // passed: 0 within them, 1 or more is so many times the limit.
  std::int64_t add(load more) noexcept {
    const auto messages =
        messages_.fetch_add(more.messages, std::memory_order_relaxed) + more.messages;
    const auto bytes = bytes_.fetch_add(more.bytes, std::memory_order_relaxed) + more.bytes;
    if (mailbox_budget* const all = budget())
      all->used.fetch_add(more.bytes, std::memory_order_relaxed);
    return times_over(messages, bytes);
  }
  void remove(load less) noexcept {
    if (mailbox_budget* const all = budget())
      all->used.fetch_sub(less.bytes, std::memory_order_relaxed);
    messages_.fetch_sub(less.messages, std::memory_order_relaxed);
    bytes_.fetch_sub(less.bytes, std::memory_order_relaxed);
  }

  [[nodiscard]] bool full() const noexcept { return times_over(messages(), bytes()) > 0; }
  [[nodiscard]] bool half_empty() const noexcept {
    return times_over(2 * messages(), 2 * bytes()) == 0;
  }
  // Whether it has limits of its own.
  [[nodiscard]] bool limited() const noexcept {
    return max_messages_.load(std::memory_order_relaxed) != 0 ||
           max_bytes_.load(std::memory_order_relaxed) != 0;
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
  [[nodiscard]] mailbox_budget* budget() const noexcept {
    return budget_.load(std::memory_order_relaxed);
  }
  static std::int64_t times(std::int64_t now, std::int64_t most) noexcept {
    return most == 0 || now <= most ? 0 : (now - 1) / most;
  }
  [[nodiscard]] std::int64_t times_over(std::int64_t messages, std::int64_t bytes) const noexcept {
    const mailbox_budget* const all = budget();
    return std::max({times(messages, max_messages_.load(std::memory_order_relaxed)),
                     times(bytes, max_bytes_.load(std::memory_order_relaxed)),
                     times(bytes, all == nullptr ? 0 : all->share())});
  }

  std::atomic<std::int64_t> messages_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> max_messages_{0};
  std::atomic<std::int64_t> max_bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<overflow> when_full_{overflow::refuse};
  std::atomic<mailbox_budget*> budget_{nullptr};
};

}  // namespace troupe::internal
