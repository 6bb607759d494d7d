#pragma once
// What a process can wait for. A wait lives in the frame of the coroutine that waits; the runtime
// keeps a pointer to it while the process is suspended. Nothing here is for users to name.

#include <troupe/signals.hpp>

#include <coroutine>
#include <span>

namespace troupe {

/// For waits: no time limit.
inline constexpr std::chrono::nanoseconds infinity = std::chrono::nanoseconds::max();

namespace internal {

struct process_slot;
struct wait;

// What `receive_wait` waits for.
bool receive_over(wait& self, process_slot& slot);

struct wait {
  wait() = default;
  wait(const wait&) = delete;
  wait& operator=(const wait&) = delete;

  // Whether the process can go on; looks at what arrived since the last look.
  bool (*over)(wait& self, process_slot& slot) = nullptr;
  // For what must not be destroyed while it is under way: asks it to end early. Else null.
  void (*interrupt)(wait& self) noexcept = nullptr;
  steady_time deadline = steady_time::max();
  bool expired = false;

  // The awaiter protocol, shared by all waits.
  [[nodiscard]] bool ready();
  void suspend(std::coroutine_handle<> leaf) noexcept;
  void arm(std::chrono::nanoseconds limit);
  void arm_until(steady_time time);
};

// Waits for the first message in the mailbox that one of the clauses accepts; what no clause
// accepts stays there, in order, and is not looked at again by the same receive.
struct receive_wait : wait {
  receive_wait() { over = receive_over; }
  ~receive_wait() {
    if (match != nullptr) release(match);
  }
  // A clause that is null takes a message of any type. The types outlive the wait.
  void take(std::span<const message_type* const> types) noexcept {
    first_clause = types.data();
    clause_count = static_cast<std::uint16_t>(types.size());
  }
  [[nodiscard]] std::span<const message_type* const> clauses() const noexcept {
    return {first_clause, clause_count};
  }

  // The small ones first: they fit behind the last of `wait`, and an idle process is little more
  // than this.
  bool failed = false;  // the condition threw: what it threw is thrown where the process waits
  std::uint16_t clause_count = 0;
  std::uint32_t clause = 0;  // that took the match
  const message_type* const* first_clause = nullptr;
  // A further condition on the payload, or null.
  bool (*accepts)(receive_wait& self, message_node& candidate) = nullptr;
  message_node* match = nullptr;      // owned once found
  message_node** position = nullptr;  // where to go on looking

  // Ready, or nothing is there and nothing shall be waited for.
  [[nodiscard]] bool ready_within(std::chrono::nanoseconds limit);
  void suspend_within(std::coroutine_handle<> leaf, std::chrono::nanoseconds limit);
};

// Where a reply arrives. Known to the process from the call on; a reply for which no slot waits is
// dropped, so a late one never reaches the mailbox.
struct reply_slot {
  reply_slot();  // in the running process
  reply_slot(reply_slot&& other) noexcept;
  reply_slot& operator=(reply_slot&&) = delete;
  ~reply_slot();

  std::uint64_t ref = 0;
  pid callee;                    // who is to reply, if it is known and a process of this system
  message_node* node = nullptr;  // owned; null until the reply is there
  reply_slot* next = nullptr;
  reply_slot** link = nullptr;
};

struct reply_wait : wait {
  explicit reply_wait(reply_slot& slot);
  reply_slot& awaited;
};

struct sleep_wait : wait {
  sleep_wait();
  static constexpr bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) noexcept { suspend(leaf); }
  static constexpr void await_resume() noexcept {}
};

struct [[nodiscard("co_await it")]] yield_wait : wait {
  yield_wait();
  static constexpr bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) noexcept;
  static constexpr void await_resume() noexcept {}
};

}  // namespace internal
}  // namespace troupe
