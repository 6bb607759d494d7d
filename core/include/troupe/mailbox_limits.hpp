#pragma once

#include <troupe/compiler.hpp>

#include <cstddef>
#include <cstdint>

namespace troupe {

/// What happens to a message that finds the mailbox of its receiver full.
enum class overflow : std::uint8_t {
  /// It is dropped; a call fails at once with `troupe::mailbox_full`, `try_send` returns false.
  refuse,
  /// It is dropped, and the receiver ends with an error `troupe::mailbox_full`.
  kill,
  /// It is taken, and the process that sent it waits at its next `co_await` until the mailbox is
  /// half empty; on another node, too, once it has heard. Threads, which cannot wait, are refused.
  /// As with all back-pressure, two processes that wait for each other's mailbox wait for ever.
  hold_sender,
  /// The oldest message is dropped when the receiver next looks at its mail; until it does, as many
  /// again are held, and what comes beyond that is refused. A dropped call fails.
  drop_oldest,
};

/// How much mail may wait for a process: given when it is spawned, as in
/// `self.spawn_with({.mailbox = {.messages = 1000}}, worker)`. Unbounded unless set. Only what is
/// sent or called is bounded and counted: exit signals and `down`, replies, and what timers send
/// always arrive.
struct mailbox_limits {
  /// Messages at most; 0 is no bound.
  std::size_t messages = 0;
  /// Bytes at most, 0 is no bound: the messages with the texts, byte strings and elements that they
  /// own. To measure a message costs a walk over its fields when it is sent and when it is taken.
  std::size_t bytes = 0;
  overflow when_full = overflow::refuse;

  [[nodiscard]] constexpr bool any() const noexcept { return messages != 0 || bytes != 0; }
};

}  // namespace troupe
