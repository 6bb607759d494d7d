#pragma once
// The door between a system and what carries its messages to other nodes. For transports.

#include <troupe/destination.hpp>
#include <troupe/request.hpp>
#include <troupe/seams.hpp>
#include <troupe/signals.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

namespace internal {
class engine;
}

/// Carries what is sent to processes of other nodes: messages of every kind, told apart by
/// `message::type().kind` and, for signals, by `message::get_if<internal::link_sent>()` and so on.
class distribution {
 public:
  virtual ~distribution() = default;
  /// Takes the message. `from` is the process that runs, or none; `to` is a pid with a node index,
  /// or a name with a node. Any thread; must not wait. Calls for one pair of processes come in the
  /// order in which they must arrive.
  virtual void deliver(pid from, const destination& to, message what) noexcept = 0;
  /// The same for what a program sends or asks, which may be more than the way takes: then the
  /// sender is to wait (`internal::hold_sender`), or the message is refused, and this is false.
  virtual bool send(pid from, const destination& to, message what) noexcept {
    deliver(from, to, std::move(what));
    return true;
  }
  /// What to call the node of that index in reports.
  [[nodiscard]] virtual std::string node_name(std::uint32_t node) const = 0;
  /// A scope of process groups is used here from now on: what other nodes say of their members in
  /// it is to be entered by `internal::remote_members`. Any thread; must not wait.
  virtual void share_groups(std::string_view /*scope*/) noexcept {}
};

namespace internal {

/// Sets where messages for other nodes go; null: nowhere, they come back as `noconnection`. The
/// engine keeps what was ever set until it ends, because a thread may be just handing it a message.
void attach(engine& home, std::shared_ptr<distribution> carrier);
/// The scopes of process groups that are used already.
[[nodiscard]] std::vector<std::string> scopes_of(engine& home);
/// What idle workers of the engine wait in: its poller, or the one that `make` makes now if it has
/// none. It lives until the workers have stopped, after the last process has ended. Any thread.
std::shared_ptr<poller> poller_of(engine& home,
                                  const std::function<std::shared_ptr<poller>()>& make);
/// Gives a message from another node to a process here, or says to the sender that there is none,
/// as for a local send.
void deliver(engine& home, const destination& to, message what) noexcept;
/// The same for what was sent or called there, which a full mailbox may refuse.
void send(engine& home, const destination& to, message what) noexcept;
/// The same for several that came one after the other for one process, in one step: `count_of_them`
/// mails, linked by `next` from the newest to the oldest.
void send_several(engine& home, pid to, message_node* newest, message_node* oldest,
                  std::size_t count_of_them) noexcept;
/// What the senders of an undeliverable message are owed: a failed reply, a `down`, an exit signal.
/// Nothing for plain messages.
void bounce(engine& home, const destination& to, message what, const exit_reason& why) noexcept;
/// Fills in who waits for a request that came from another node, as a blank message of kind
/// request.
void address_request(engine& home, message& request, pid reply_to, std::uint64_t ref,
                     std::chrono::nanoseconds timeout);

/// A monitor of the process that runs, whose other half another node sets as it starts a process
/// for it: nothing is sent. Until `monitors_now` tells the process, `where` is told if the monitor
/// is taken back.
[[nodiscard]] monitor_ref promise_monitor(const destination& where);
/// If it is still there. For the same process.
void monitors_now(monitor_ref promised, pid process);

/// Has the process that runs wait at its next `co_await` until `let_go`, as for room in a mailbox
/// (overflow::hold_sender). False if none runs, or it is to wait already.
bool hold_sender(engine& home) noexcept;
/// Any thread.
void let_go(engine& home, pid held) noexcept;
/// Left in a mailbox. It is destroyed, on any thread, when the process has taken what was delivered
/// before, or has looked at it and left it for later, or has ended.
class mailbox_mark {
 public:
  mailbox_mark() = default;
  mailbox_mark(const mailbox_mark&) = delete;
  mailbox_mark& operator=(const mailbox_mark&) = delete;
  virtual ~mailbox_mark() = default;
};
void leave_mark(engine& home, pid process, std::unique_ptr<mailbox_mark> mark) noexcept;

/// What `send` does with mail of another node for a process whose mailbox is full and has its
/// senders wait (overflow::hold_sender): takes it, beyond the bound, and gives true; the sender's
/// node is to hold back what it has for that process until there is room. Else as `send`, false.
[[nodiscard]] bool send_or_hold(engine& home, pid to, message what) noexcept;
/// The mark is destroyed, on any thread, when the mailbox of that process is half empty or it has
/// ended.
void mark_until_room(engine& home, pid process, std::unique_ptr<mailbox_mark> mark) noexcept;

/// Something rare has happened. Nobody cares but a simulation, which counts in how many runs it
/// did: a run in which nothing rare happens shows little.
void reached(engine& home, std::string_view what);

}  // namespace internal
}  // namespace troupe
