#pragma once

#include <troupe/context.hpp>

#include <optional>
#include <string>

namespace troupe::internal {

// What a process says of itself. (OTP: erlang:process_info/2.)
struct inspection {
  std::string name;           // the first that it is registered under
  std::string behaviour;      // what it runs
  std::uint64_t mailbox = 0;  // messages that wait
  // Bytes: its slot, its links, monitors and timers, the messages that wait, and the frame of its
  // function or its server object; not what these point to, nor the frames of tasks it awaits.
  std::uint64_t memory = 0;
};

// Asks a process about itself, whatever it waits for: it answers when it next looks at its mail. A
// signal, as process_info is in Erlang; the answer goes the way of replies.
struct inspect_sent {
  explicit inspect_sent(const request_header& from) : asked(from) {}
  inspect_sent(const inspect_sent&) = delete;
  inspect_sent& operator=(const inspect_sent&) = delete;
  ~inspect_sent() { send_failure(asked, exit_reason::noproc); }  // unless it was answered
  static constexpr void message_form(message_type& type) { type.kind = message_kind::signal; }
  request_header asked;
};

// In the process that is looked at. Its mailbox: what it has not received, of what has been taken
// in.
[[nodiscard]] std::size_t mailbox_length(const process_slot& slot) noexcept;
// What reports sort failures by: the type of what was thrown, or of the program's own reason, or
// the reason's word.
[[nodiscard]] std::string reason_type(const exit_reason& reason);
// None: the empty text.
[[nodiscard]] std::string_view first_name(const process_slot& slot) noexcept;
[[nodiscard]] inspection inspect(const process_slot& slot);
void answer(process_slot& slot, inspect_sent& asked);

// Nothing if the process has ended or does not answer within the limit.
task<std::optional<inspection>> inspect(context self, pid process, std::chrono::nanoseconds limit);

}  // namespace troupe::internal
