#pragma once

#include <troupe/connection_end.hpp>
#include <troupe/exit_reason.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace troupe {

/// What a monitor yields, exactly once, when its target has ended or cannot be reached.
/// (Erlang: `{'DOWN', Ref, process, Object, Info}`.)
struct down {
  monitor_ref ref;
  pid from;  // none if the monitor was set by a name that nobody had
  exit_reason reason;
};

/// What a process that traps exits receives in the place of an exit signal.
/// (Erlang: `{'EXIT', From, Reason}`.)
struct exit_signal {
  pid from;
  exit_reason reason;
};

/// A point of the system's steady clock.
using steady_time = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// The point that long after another; the last one if there is none, and no earlier than `from`.
[[nodiscard]] constexpr steady_time later(steady_time from, std::chrono::nanoseconds by) noexcept {
  if (by <= std::chrono::nanoseconds::zero()) return from;
  return by < steady_time::max() - from ? from + by : steady_time::max();
}

namespace internal {

// The signals between processes, local and remote alike. They share the mailbox with messages,
// which gives the promise that signals between two processes keep their order.
struct signal {
  static constexpr void message_form(message_type& type) { type.kind = message_kind::signal; }
};
struct exit_sent : signal {  // by a link that broke, or by exit(to, reason)
  exit_sent(pid sender, exit_reason why, bool through_link, std::uint64_t youngest = UINT64_MAX)
      : from(sender), reason(std::move(why)), linked(through_link), youngest_link(youngest) {}
  pid from;
  exit_reason reason;
  bool linked;
  std::uint64_t youngest_link;  // of the receiver that it can mean: later ones hold
};
struct link_sent : signal {
  explicit link_sent(pid sender, std::uint64_t number = 0) : from(sender), id(number) {}
  pid from;
  std::uint64_t id;  // among the sender's; 0 from another node
};
struct unlink_sent : signal {  // ids as OTP 26's: the link is free again once the ack is back
  unlink_sent(pid sender, std::uint64_t number) : from(sender), id(number) {}
  pid from;
  std::uint64_t id;
  // From another node: the connection that it came over, and the receiver's youngest link that had
  // gone out on it. Is that connection over, a later link is on its way on another one and holds.
  std::shared_ptr<connection_end> over = {};
  std::uint64_t youngest_link = 0;
};
struct unlink_ack_sent : signal {
  unlink_ack_sent(pid sender, std::uint64_t number) : from(sender), id(number) {}
  pid from;
  std::uint64_t id;
};
struct monitor_sent : signal {
  monitor_sent(pid sender, monitor_ref reference) : from(sender), ref(reference) {}
  pid from;
  monitor_ref ref;
};
struct demonitor_sent : signal {
  demonitor_sent(pid sender, monitor_ref reference) : from(sender), ref(reference) {}
  pid from;
  monitor_ref ref;
};
struct hold_sent : signal {  // to whose mailbox is full: the sender waits until there is room
  explicit hold_sent(pid sender) : from(sender) {}
  pid from;
};
struct room_sent : signal {};      // the answer
struct overflow_sent : signal {};  // to whose mailbox is full and who is to end by that
struct down_sent : signal {        // becomes a `down` if the receiver's monitor is still there
  down_sent(monitor_ref reference, pid target, exit_reason why)
      : what{reference, target, std::move(why)} {}
  down what;
};

}  // namespace internal
}  // namespace troupe
