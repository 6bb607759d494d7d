#pragma once
// What a run of troupe-soak is given: how much to do, where to put its figures, and nodes.

#include <troupe/net/peer.hpp>
#include <troupe/troupe.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <vector>

namespace soak {

using namespace std::chrono_literals;

/// One run: prints a line a figure, and remembers whether all were within their bounds.
class run {
 public:
  run(std::string_view name, bool full) : name_(name), full_(full) {}

  [[nodiscard]] bool full() const noexcept { return full_; }
  /// The amount of work: so that the run takes seconds, or the real one.
  template <class T>
  [[nodiscard]] T size(T small, T real) const {
    return full_ ? real : small;
  }

  void figure(std::string_view what, double value, std::string_view unit);
  /// Must not be more than that.
  void at_most(std::string_view what, double value, double most, std::string_view unit);
  void at_least(std::string_view what, double value, double least, std::string_view unit);
  /// The same for what depends on how busy the machine is, or on a sanitizer, as times and memory
  /// do: judged in a full run only.
  void soon(std::string_view what, double value, double most, std::string_view unit);
  void fast(std::string_view what, double value, double least, std::string_view unit);
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  void line(std::string_view what, double value, std::string_view unit, const std::string& verdict);
  void judge(std::string_view what, double value, std::string_view unit, bool good,
             std::string_view bound, double limit);

  std::string name_;
  bool full_;
  bool held_ = true;
};

/// What an OS process holds. Sent between nodes.
struct holdings {
  std::int64_t processes = 0;
  std::int64_t timers = 0;
  std::int64_t links = 0;
  std::int64_t monitors = 0;
  std::int64_t names = 0;
  std::int64_t queued = 0;  // messages in mailboxes
  std::int64_t descriptors = 0;
  std::int64_t resident_bytes = 0;
};
[[nodiscard]] holdings holdings_of(const troupe::system& of);
/// Resident memory of an OS process; 0 if there is none.
[[nodiscard]] std::int64_t resident_bytes_of(int os_process);
/// Processor time that it has taken, in seconds.
[[nodiscard]] double processor_seconds_of(int os_process);
[[nodiscard]] double mib(std::int64_t bytes);
/// All that is counted must be as before; memory may have grown by the slack.
void compare(run& to, const std::string& where, const holdings& before, const holdings& after,
             std::int64_t slack_bytes);

/// Waits, at most a minute, until the system holds no more than that, but for memory; of
/// descriptors any number if none is given.
[[nodiscard]] holdings settled(const troupe::system& of, const holdings& before);

/// Milliseconds, for figures.
[[nodiscard]] double ms(std::chrono::nanoseconds time);
/// The value below which that part of all is. Sorts.
[[nodiscard]] double quantile(std::vector<double>& all, double part);

/// This OS process as a node.
struct home_node {
  explicit home_node(troupe::net::node_options options = {});
  troupe::system system;
  troupe::net::node node;
};
[[nodiscard]] troupe::system_options quiet();
[[nodiscard]] std::string cookie();

/// This program as a peer, with the processes below; its node has that tick time, 0: the default.
[[nodiscard]] troupe::net::peer_options peer_program(std::chrono::milliseconds tick_time = 0ms);
void serve_as_peer(std::chrono::milliseconds tick_time);
/// Starts it and waits until all its processes and offers are there.
[[nodiscard]] troupe::task<troupe::net::peer_joined> start_ready_peer(
    troupe::context self, const troupe::net::node& home, troupe::net::peer_options how);
/// Ends a peer and waits for it.
[[nodiscard]] troupe::task<> end_peer(troupe::context self, troupe::pid peer,
                                      troupe::exit_reason why = troupe::exit_reason::shutdown);

// --- what the processes of a peer understand: `host`; `echo`; `talker`; `deaf`, nothing ---

struct tell_holdings {
  using reply = holdings;
};
struct echo_of {
  using reply = std::int64_t;
  std::int64_t number = 0;
  std::string content = {};
};

struct parcel {  // an echo takes it and does nothing; a deaf one does not take it
  std::int64_t number = 0;
  std::string content = {};
};
struct tell_pid {  // to an echo, too
  using reply = troupe::pid;
};

/// What a `talker` has seen since it was told with whom to talk.
struct seen {
  std::int64_t downs = 0;
  std::int64_t failed_calls = 0;
  std::int64_t calls = 0;
  std::int64_t longest_ns = 0;  // of the calls
};
struct talk_with {
  std::vector<std::string> nodes;
};
struct tell_seen {
  using reply = seen;
};

using made_node = std::shared_future<troupe::net::node*>;

/// Answers `echo_of` with its number, and `tell_pid`.
troupe::process echo(troupe::context self);
/// Calls the echo of the nodes that it is told of, again and again, and looks who is down.
troupe::process talker(troupe::context self, made_node node);
/// Ends at once. Peers offer it as `brief`.
troupe::process brief(troupe::context self);

/// A run by its name.
struct entry {
  std::string_view name;
  std::string_view about;
  void (*go)(run&);
};
[[nodiscard]] const std::vector<entry>& entries();

void kill(run& r);
void silence(run& r);
void load(run& r);
void connections(run& r);
void restarts(run& r);
void spawns(run& r);
void strangers(run& r);
void slow(run& r);

}  // namespace soak
