#pragma once

#include <troupe/destination.hpp>
#include <troupe/distribution.hpp>
#include <troupe/outside.hpp>
#include <troupe/wait.hpp>

#include "runtime/engine.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::internal {

struct process_watch;

// What ties a process to others and to the world. Made when first needed, so that a process which
// only takes messages does not pay for it. Ordered containers: what is told at the end of the
// process is told in the same order in every run.
struct relations {
  // How many processes a process with a quota, and its descendants, have alive.
  struct descendants {
    const std::size_t limit;
    const pid of;
    const std::shared_ptr<descendants> above;  // the quota of an ancestor
    std::atomic<std::size_t> alive{0};
  };
  relations();
  ~relations();
  relations(const relations&) = delete;
  relations& operator=(const relations&) = delete;

  // OTP's link protocol: an unlinked link stays known, inactive, until the ack with its id is back,
  // so that a link or exit signal which crosses the unlink is told apart from a new one.
  struct link {
    bool active = true;
    std::uint64_t id = 0;  // of this process's own link, if one made it; inactive: of its unlink
  };
  std::map<pid, link> links;
  std::map<monitor_ref, destination> monitors;     // set by this process
  std::set<std::pair<pid, monitor_ref>> watchers;  // monitors on this process
  std::map<timer_ref, timer*> timers;              // each held until it is cancelled or swept
  timer* wake_up = nullptr;                        // for the waits of this process: wake_by
  std::size_t timers_to_sweep = 64;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<kept_until_end>> kept;
  // The places of calls that have no reply yet, the oldest first, whose reply is likely the next.
  reply_slot* replies = nullptr;
  reply_slot** replies_end = &replies;
  std::uint64_t last_number = 0;                          // of references, tokens, links, unlinks
  exit_reason reason;                                     // with which it ends
  bool reported = false;                                  // its failure is told in a crash report
  steady_time serving = steady_time::max();               // deadline of the request that it serves,
  pid asked_by;                                           // until it is answered: whose that is,
  std::uint64_t asked_ref = 0;                            // and its number there
  std::vector<request_header> abandoned;                  // died unanswered in this turn
  std::vector<pid> held_senders;                          // wait for room in this process's mailbox
  std::vector<std::unique_ptr<mailbox_mark>> until_room;  // other nodes, whose senders do
  std::set<const message_node*> beyond_bound;             // waits, but counts for no bound
  std::size_t next_alarm = 0;                             // of a long mailbox: at this length
  std::shared_ptr<descendants> quota;                     // for those it spawns
  std::unique_ptr<process_watch> watch;                   // what sys was asked to note of it
  std::optional<outside_wait::notice> waited_for;         // tells a thread that the process is gone
};

// Of the process, made if need be.
relations& ties_of(process_slot& slot);
std::uint64_t next_number(process_slot& slot);
[[nodiscard]] pid id_of(const process_slot& slot) noexcept;

// Takes what has come in: signals take effect, messages join the queue.
void take_up(process_slot& slot);
// The same; false if there is nothing.
inline bool drain(process_slot& slot) {
  if (!slot.has_new_mail()) return false;
  take_up(slot);
  return true;
}
// The running process is to end with that reason, at its next chance.
void end_with(process_slot& slot, exit_reason reason) noexcept;
// The same for the exception that is being handled; a crash report will tell.
void fail_with_exception() noexcept;

// What is there is about to be unlinked, and the process may wait in a receive that has passed it.
void leave_position(process_slot& slot, message_node** at) noexcept;
// More waits than system_options::mailbox_alarm: tells the log, unless it was told lately.
void raise_mailbox_alarm(process_slot& slot);
// A place that is no longer looked for: it has its reply, or is given up.
void unlink_reply(relations& ties, reply_slot& place) noexcept;
// A request whose caller has given up: it is to be skipped. Marks it so that nobody is answered.
[[nodiscard]] bool is_stale_request(message_node& node);
// A request of sys that comes to a process which takes such requests where it receives.
[[nodiscard]] bool is_for_sys(const process_slot& slot, const message_node& node) noexcept;
void answer_for_sys(process_slot& slot, message_node* asked);

// The outside has done what the process waits for.
void take_completion(process_slot& slot, std::uint64_t token);
// The call that the process waits in, if it does.
[[nodiscard]] reply_slot* awaited_reply(const process_slot& slot) noexcept;
[[nodiscard]] exit_reason no_reply();
// Tells the callers of abandoned requests.
void answer_abandoned(process_slot& slot, const exit_reason& reason) noexcept;
// What was not taken: callers learn how their callee ended, links and monitors come too late.
void bounce_all(engine& home, pid self, message_node* list, const exit_reason& reason,
                const relations* ties = nullptr) noexcept;
void cancel_all_timers(relations& ties) noexcept;
void drop_names(engine& home, relations& ties, pid self) noexcept;
// Also what was given to the process and is still in its unread mail.
void drop_kept(relations& ties, message_node* unread) noexcept;
// Has a process of this system keep something until its end; if it has ended, that is now.
void keep_until_end(engine& home, pid process, std::unique_ptr<kept_until_end> what);

}  // namespace troupe::internal
