#pragma once

#include <troupe/destination.hpp>
#include <troupe/distribution.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

namespace troupe::net::internal {

/// How much of what one node has sent lies unread in the mailboxes of this one, by the process or
/// the name that it was sent to, and who is to be sent no more for now. Whoever has more unread
/// than is left of the connection's allowance is paused, so the more there are the less each may
/// have, and those who read what they get hardly notice. (The dynamic threshold of switches with a
/// shared buffer: Choudhury and Hahne, 1998.)
///
/// A process is not asked what it has read: marks are left in its mailbox, one for some messages,
/// and count when it comes to them. Marks go on any thread; all else is for the executor.
class unread_mail : public std::enable_shared_from_this<unread_mail> {
 public:
  struct duties {
    /// Tells the peer to send no more to that target, or again.
    std::function<void(const destination& to, bool pause)> pause;
    /// Runs something on the executor. Any thread.
    std::function<void(std::function<void()>)> post;
  };
  unread_mail(troupe::internal::engine& home, std::size_t allowed, duties does)
      : home_(home),
        allowed_(allowed),
        mark_bytes_(allowed / marks_in_allowance),
        does_(std::move(does)) {}

  /// Messages have been delivered to that process, which the sender knows as that target.
  void add(const destination& to, pid process, std::size_t bytes) {
    account& of = account_of(to);
    of.unmarked += bytes;
    if (of.unmarked >= mark_bytes_) [[unlikely]]
      leave_mark(of, process);
  }
  /// What was just delivered is more than the bounded mailbox of that process may hold: no more for
  /// that target until there is room (overflow::hold_sender).
  void hold(const destination& to, pid process);
  /// Whether what is for that target may be taken though its mailbox is full: what is on its way
  /// when its node is asked to hold it back. A peer that goes on all the same is refused then.
  [[nodiscard]] bool may_exceed(const destination& to) {
    return account_of(to).unread.load(std::memory_order_relaxed) <= allowed_;
  }
  /// The connection is over: nobody is told anything any more.
  void close() { open_ = false; }

  /// Bytes that a message counts besides those it had on the way: about what a small one takes.
  static constexpr std::size_t message_bytes = 64;

 private:
  struct account {
    explicit account(destination target) : to(std::move(target)) {}
    const destination to;
    std::size_t unmarked = 0;  // since the last mark
    std::atomic<std::size_t> unread{0};
    std::atomic<bool> full{false};  // until its mailbox is half empty
    std::atomic<bool> paused{false};
  };
  class mark;
  class room_mark;

  account& account_of(const destination& to) {
    const bool same =
        latest_ != nullptr && latest_->to.id() == to.id() && latest_->to.name() == to.name();
    if (!same) [[unlikely]]
      latest_ = find_account(to);
    return *latest_;
  }
  std::shared_ptr<account> find_account(const destination& to);
  void leave_mark(account& of, pid process);
  void sweep();
  void read(const std::shared_ptr<account>& of, std::size_t bytes) noexcept;
  void resume_soon(const std::shared_ptr<account>& of) noexcept;
  void pause(account& of);
  void resume_if_read(account& of);
  [[nodiscard]] std::size_t left() const noexcept;
  [[nodiscard]] bool has_read(const account& of) const noexcept;

  // What lies before the first mark does not count, so marks are many enough to make that little.
  static constexpr std::size_t marks_in_allowance = 1024;
  static constexpr std::size_t least_to_sweep = 4096;

  troupe::internal::engine& home_;
  const std::size_t allowed_;
  const std::size_t mark_bytes_;
  const duties does_;
  bool open_ = true;
  std::atomic<std::size_t> unread_{0};  // of all accounts
  std::unordered_map<pid, std::shared_ptr<account>> processes_;
  std::map<std::string, std::shared_ptr<account>, std::less<>> names_;
  std::shared_ptr<account> latest_;  // most messages go where the one before went
  std::size_t to_sweep_ = least_to_sweep;
};

}  // namespace troupe::net::internal
