#pragma once

#include "runtime/mailbox.hpp"

namespace troupe::internal {

// Who lives in a slot of the process table, and its mail: all that other threads reach of a
// process. Generations are odd while a process lives there and even between two.
template <class Sync, class Node>
struct tenancy {
  static constexpr std::uint32_t bounded_mark = std::uint32_t{1} << 31;  // pid::bounded

  mailbox<Sync, Node> mail;
  typename Sync::template atomic<std::uint32_t> generation{0};

  // Any thread. What is true now may be false at once: mailbox::push checks again. The acquire
  // pairs with the release at the end of a process: who finds none sees what that process released
  // before.
  [[nodiscard]] bool is(std::uint32_t wanted) const noexcept {
    return generation.load(std::memory_order_acquire) == wanted;
  }
  // Owner: the next one begins or ends. It has a pid before its mailbox opens.
  std::uint32_t next() noexcept {
    std::uint32_t now = generation.load(std::memory_order_relaxed);
    if ((now & 1) == 0) now &= ~bounded_mark;  // of the one before
    generation.store(now + 1, std::memory_order_release);
    return now + 1;
  }
  // Owner, before anybody can know its pid: its mailbox is bounded, and its pid says so.
  void mark_bounded() noexcept {
    generation.store(generation.load(std::memory_order_relaxed) | bounded_mark,
                     std::memory_order_release);
  }
  [[nodiscard]] bool bounded() const noexcept {
    return (generation.load(std::memory_order_relaxed) & bounded_mark) != 0;
  }
  // Owner, at the end of a process: the mail that nobody took.
  Node* end() noexcept { return mail.close(next()); }
};

}  // namespace troupe::internal
