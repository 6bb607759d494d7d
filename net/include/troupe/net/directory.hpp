#pragma once
// Names that one process of a whole cluster has at a time. (OTP: `global`, but a name is held for a
// time only, so that two halves of a cluster that cannot see each other never both have it.)

#include <troupe/net/node.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace troupe::net {

/// Who has a name of a directory.
struct name_holder {
  /// Where the name leads to; none: nobody has it, or who has it has not assigned it yet.
  pid process;
  /// The process that keeps the lease up; none: nobody has the name.
  pid guard;
  /// The fencing token: greater than that of every earlier lease of any name in the directory. What
  /// the holder writes to carries it along and refuses a smaller one than it has seen.
  std::uint64_t token = 0;
  friend bool operator==(const name_holder&, const name_holder&) = default;
};

// --- what a directory answers: any process that does is one -----------------------------------

/// Longest name in a directory, in bytes.
inline constexpr std::size_t max_directory_name = 255;

/// The name for that process, for `ttl` from now on. The reply says who has it then, the same one
/// if it was taken; nobody if it cannot be given away yet. Again by the same guard: a renewal.
struct claim_name {
  using reply = name_holder;
  std::string name;
  pid process;
  pid guard;
  std::chrono::nanoseconds ttl{};
};
/// The lease goes on for `ttl` from now; `held.process` may have changed. False: it is over.
struct keep_name {
  using reply = bool;
  std::string name;
  name_holder held;
  std::chrono::nanoseconds ttl{};
};
/// The name is free. Without effect if the lease is over.
struct release_name {
  using reply = void;
  std::string name;
  name_holder held;
};
struct find_name {
  using reply = name_holder;
  std::string name;
};
/// Answered once something else is true than what the caller knows; it may be answered early.
struct await_change {
  using reply = name_holder;
  std::string name;
  name_holder known;
};

// --- the directory of troupe itself ------------------------------------------------------------

/// Gives a token that is greater than all that were used before, and leaves room above it for those
/// of one life of a directory. Called when the directory starts, in its process.
using token_source = std::function<std::uint64_t(context)>;
/// From the wall clock: nanoseconds since 1970. Tokens of two lives grow unless the clock was set
/// back between them.
[[nodiscard]] token_source tokens_of_clock();
/// From a file, which holds the next free number; each start takes 2^40 of them and has them on the
/// disk before it goes on. Throws std::runtime_error, which ends the directory: the file cannot be
/// written, or holds something else.
[[nodiscard]] token_source tokens_in_file(std::filesystem::path file);

struct directory_options {
  /// Longest lease that it gives.
  std::chrono::nanoseconds max_ttl = std::chrono::seconds(10);
  /// A directory that starts does not know what an earlier life of it has given: for so long it
  /// gives no name away, but confirms those that their holders name. Empty: `max_ttl`. Less is
  /// right only if there was no earlier life, as in a test.
  std::optional<std::chrono::nanoseconds> give_after = {};
  std::size_t max_names = 100'000;
  /// Calls that wait for a change at most.
  std::size_t max_waiting = 100'000;
  /// Empty: `tokens_of_clock`.
  token_source tokens = {};
};

/// A directory as a child of a supervisor, on one node of the cluster, registered under its id; all
/// nodes reach it as `directory({id, "that@node:7400"})`. It holds everything in memory. While its
/// node is down nobody gets a name, and all that are held end; names outlive its restart if that
/// takes less time than their leases.
[[nodiscard]] child_spec directory_child(std::string id, directory_options options = {});

// --- use ----------------------------------------------------------------------------------------

struct lease_options {
  /// How long the name stays with a holder that nobody hears of. A new one waits that long after a
  /// node was lost; the directory is asked some three times within it.
  std::chrono::nanoseconds ttl = std::chrono::seconds(10);
  /// By how much the steady clocks of two nodes may differ, as a part of the time. (Crystals are
  /// better than 0.0002; NTP slews by 0.0005.)
  double drift = 0.01;
  /// How long before the end the holder is told, so that it can stop; then it is killed.
  std::chrono::nanoseconds stop_time = std::chrono::seconds(1);
};

/// With this reason a holder ends whose lease could not be kept; one that traps exits gets it as an
/// `exit_signal` from the guard.
struct lease_lost {
  std::string name;
  std::uint64_t token = 0;
  friend bool operator==(const lease_lost&, const lease_lost&) = default;
};

/// To a process that watches a name: at first who has it, then each change. Those that follow each
/// other quickly may come as one.
struct name_changed {
  std::string name;
  name_holder holder;
};

namespace internal {
struct lease_clock {
  std::atomic<steady_time::rep> until{0};  // written by the guard
};
}  // namespace internal

/// A name that this process has: until it ends, releases it, or loses it. A value for use in the
/// process that claimed it.
class lease {
 public:
  lease(std::string name, name_holder held, std::shared_ptr<internal::lease_clock> clock)
      : name_(std::move(name)), held_(held), clock_(std::move(clock)) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t token() const noexcept { return held_.token; }
  [[nodiscard]] pid guard() const noexcept { return held_.guard; }
  /// Whether nobody else can have the name now, by this node's clock. A process that was stopped
  /// (SIGSTOP, a virtual machine that was paused) is told only when it runs again, and may do a
  /// little before that: what must not happen then needs the token.
  [[nodiscard]] bool held(context self) const noexcept { return self.now() < until(); }
  /// The end of that, by this node's steady clock, as it is known now: each renewal moves it.
  [[nodiscard]] steady_time until() const noexcept {
    return steady_time(std::chrono::nanoseconds(clock_->until.load(std::memory_order_acquire)));
  }

 private:
  std::string name_;
  name_holder held_;
  std::shared_ptr<internal::lease_clock> clock_;
};

/// The way to a directory: a plain value. All of it is for use inside of processes, and it must
/// outlive the tasks that it gives.
///
///     const troupe::net::directory names({"directory", "a@10.0.0.1:7400"});
///     auto lead = co_await names.claim(self, "leader");         // waits until it has it
///     co_await names.call(self, "leader", status{});            // from any node
///     store.write(lead.token(), value);
///
/// A holder is linked to a guard, a process that keeps the lease up. The lease is counted from
/// before it was asked for, by the holder's own clock; `ttl`, less `drift`, later the holder has
/// ended, whether or not the directory answers, and only after that can another one have the name.
class directory {
 public:
  /// Throws std::invalid_argument if no time is left to keep the lease.
  explicit directory(destination at, lease_options how = {});

  /// The name for this process; waits until it is free and this process's turn, which is by chance
  /// among those that wait, and until the directory can be reached.
  [[nodiscard]] task<lease> claim(context self, std::string name) const;
  /// The same without waiting: none if another process has it. Throws call_error if the directory
  /// does not answer.
  [[nodiscard]] task<std::optional<lease>> try_claim(context self, std::string name) const;
  /// Gives the name back; the process is no longer linked to the guard.
  [[nodiscard]] task<> release(context self, const lease& held) const;
  /// From now on the name leads to that process of this node, whose end gives the name back as well
  /// as the end of this one, which ends it. It must end before another can have the name.
  [[nodiscard]] task<> assign(context self, const lease& held, pid process) const;

  /// Who has the name. Throws call_error if the directory does not answer.
  [[nodiscard]] task<name_holder> find(context self, std::string name) const;
  /// This process gets `name_changed` from now on, from a process that is linked to it, which this
  /// gives: it ends by `self.unlink(it)` and `self.exit(it, exit_reason::shutdown)`.
  [[nodiscard]] pid watch(context self, std::string name) const;

  /// Sends to who has the name, if somebody does. Asks the directory each time: who sends often
  /// watches the name and sends to the pid.
  template <class T>
  [[nodiscard]] task<> send(context self, std::string name, T value) const {
    const name_holder to = co_await find(self, std::move(name));
    self.send(to.process, std::move(value));
  }
  /// Asks who has the name; fails with noproc if nobody does.
  template <request_message T>
  [[nodiscard]] task<typename T::reply> call(
      context self, std::string name, T body,
      std::chrono::nanoseconds timeout = default_call_timeout) const {
    const name_holder to = co_await find(self, std::move(name));
    co_return co_await self.call(to.process, std::move(body), timeout);
  }

  [[nodiscard]] const destination& at() const noexcept { return at_; }
  [[nodiscard]] const lease_options& how() const noexcept { return how_; }

 private:
  destination at_;
  lease_options how_;
};

}  // namespace troupe::net
