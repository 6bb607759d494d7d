#pragma once

#include <troupe/distribution.hpp>
#include <troupe/net/transport.hpp>
#include <troupe/sync.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/lanes.hpp"
#include "cluster/outbound_queue.hpp"
#include "cluster/outbox.hpp"
#include "cluster/started_for.hpp"
#include "platform/lock.hpp"
#include "protocol/node_name.hpp"

namespace troupe::net::internal {

class cluster;
class session;

/// Asks for a connection to the node; answered when it is up. Carried by the cluster.
struct connect_order {
  using reply = void;
};

/// One node of the cluster, by name: what waits to be sent to it, and the session through which it
/// goes. Made when a node is first heard or spoken of, and kept. `send` and `push` are for any
/// thread; all else runs on the transport's executor.
class remote_node final : public std::enable_shared_from_this<remote_node> {
 public:
  remote_node(cluster& owner, node_name name);
  remote_node(const remote_node&) = delete;
  remote_node& operator=(const remote_node&) = delete;
  ~remote_node();

  [[nodiscard]] const std::string& name() const noexcept { return name_.text(); }
  [[nodiscard]] const node_name& parsed() const noexcept { return name_; }
  /// Those that it has started here.
  [[nodiscard]] const std::shared_ptr<started_count>& started() const noexcept { return started_; }

  /// Any thread: what that process sends or asks goes out after all that it has sent before. If
  /// there is more than the way takes, the process is held, or the message is refused: false then.
  bool send(pid from, const destination& to, message what) noexcept;
  /// The same for what is never held nor refused: signals, replies, what timers send.
  void push(pid from, const destination& to, message what) noexcept;

  /// Sends what waits, as far as the session takes it; dials if there is none and one is needed.
  void flush();
  /// A session with the node has shaken hands. It takes the place of an older one, which is over.
  void joined(const std::shared_ptr<session>& up);
  /// The session that was up is over.
  void left(const session& over, const std::string& why);
  /// The handshake after the dial failed.
  void not_joined(const session& over, const std::string& why);
  /// The peer has refused this dial because its own, which crossed it, is the one that stays.
  void lost_tie();
  /// The node wants no more for that process or name, or again. False if these are too many.
  [[nodiscard]] bool pause(const destination& to, bool pause);

  [[nodiscard]] session* current() const noexcept { return session_.get(); }
  [[nodiscard]] bool dialling() const noexcept { return dialling_; }
  /// Closes the session, if there is one.
  void disconnect();
  /// Tells everybody whose message waits that it does not arrive.
  void give_up(const std::string& why);
  /// The same for good: nothing is dialled any more.
  void stop();

 private:
  struct outgoing {
    outgoing(pid sender, destination target, message content);
    outgoing* next = nullptr;
    pid from;
    destination to;
    message what;
    std::size_t bytes;  // of memory
    bool held = false;  // the sender waits until it is let go

    // As messages: made on one worker, freed on another.
    static void* operator new(std::size_t size) { return troupe::internal::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      troupe::internal::deallocate(memory, size);
    }
  };
  using outgoing_queue = outbound_queue<troupe::internal::std_sync, outgoing>;
  using items = std::deque<std::unique_ptr<outgoing>>;
  using paused_key = std::pair<pid, std::string>;
  static paused_key key_of(const destination& to) { return {to.id(), to.name()}; }
  struct paused_target {
    std::uint64_t bit;
    std::vector<pid> held = {};
  };
  [[nodiscard]] bool put_out(pid from, const destination& to, message& what) noexcept;
  void enqueue(std::unique_ptr<outgoing> item) noexcept;
  static std::uint64_t bit_of(const destination& to) noexcept;
  [[nodiscard]] bool is_paused(const destination& to) const;
  [[nodiscard]] bool has_room() const noexcept;
  bool refuse(const destination& to, message what) const noexcept;

  void come() noexcept;
  void take_pushed();
  void send_or_dial();
  void send_waiting();
  void send_ready();
  void send_next(outgoing_queue::departures& gone);
  void send_through(std::unique_ptr<outgoing> item, outgoing_queue::departures& gone);
  void take_fragmented(outgoing_queue::departures& gone);
  void unstick();
  void keep_held(const outgoing& item);
  void lose_links(const std::string& why);
  void bounce_all(items lost, const std::string& why);
  void let_go(std::vector<pid> held);
  void drop_session(const std::string& why);
  void dial();
  void dial_failed(const std::string& why);
  [[nodiscard]] bool is_stale(const destination& to) const;

  cluster& cluster_;
  const node_name name_;
  outbox outbox_;
  const std::shared_ptr<started_count> started_;
  outgoing_queue queue_;

  items waiting_;                     // oldest first
  std::shared_ptr<session> session_;  // the one that is up
  std::vector<std::byte> ready_;      // from the outbox, on their way to it
  // Those that are sent in fragments, by the session's number, and what waits for its lane.
  std::map<std::uint32_t, std::unique_ptr<outgoing>> fragmented_;
  lanes lanes_;
  items stuck_;  // older than what waits
  // Senders that wait until the queue is half empty; and those that wait for one who is paused.
  std::vector<pid> held_;
  mutable platform::shared_mutex mutex_;  // of who is paused: for senders that look
  std::map<paused_key, paused_target> paused_;
  std::atomic<std::uint64_t> paused_bits_{0};  // one for each, by hash: most need not look further
  bool dialling_ = false;                      // until a session is up or it has failed
  std::unique_ptr<pending> dial_;              // or the wait for the dial that has won the tie
  std::shared_ptr<session> attempt_;           // the handshake after the dial
  // After a dial that failed, others fail at once for a while that grows.
  steady_time no_dial_before_{};
  std::chrono::nanoseconds pause_{};
  std::string last_failure_;
};

}  // namespace troupe::net::internal
