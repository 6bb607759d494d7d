#pragma once

#include <troupe/distribution.hpp>
#include <troupe/net/node.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/handshake.hpp"
#include "troupe/frame.pb.h"
#include "wire/codec.hpp"
#include "wire/fragments.hpp"
#include "wire/limits.hpp"
#include "wire/send_frame.hpp"

namespace troupe::net {

/// A node as pids name it: a name and one incarnation of it.
struct node_identity {
  std::string name;
  std::uint64_t incarnation = 0;
};

/// What a peer is told that asks for more than node_options::quota allows.
[[nodiscard]] exit_reason beyond_quota(std::string_view what);

/// What a connection has its owner do. Called only from inside the connection's own functions.
class connection_host {
 public:
  /// Sends a frame to the peer, after those before it; a long one in fragments, which others pass.
  virtual void write(const wire::frame& frame) = 0;
  virtual void write(const send_frame& frame) = 0;
  /// Gives a message to a process or name of this node. To nobody: the sender is told through
  /// `connection::send`, as for any local message.
  virtual void deliver(const destination& to, message what) = 0;
  /// The same for what a process there has sent or asked, in so many bytes.
  virtual void receive(const destination& to, message what, std::size_t bytes) = 0;
  virtual void receive(pid to, message what, std::size_t bytes) = 0;
  /// The peer wants no more for that process or name of its own, or again. False: these are too
  /// many.
  virtual bool pause(const destination& to, bool pause) = 0;
  /// Tells the sender of a message that it does not arrive.
  virtual void bounce(const destination& to, message what, const exit_reason& why) = 0;
  /// Makes a blank request one of a process of the peer.
  virtual void address(message& request, pid reply_to, std::uint64_t ref,
                       std::chrono::nanoseconds timeout) = 0;
  /// The process of that name on this node, or none.
  virtual pid whereis(std::string_view name) = 0;
  /// Starts an offered behaviour, or says why not.
  struct spawn_request {
    pid from;
    std::string_view behaviour;
    std::string_view type;     // of the arguments, as the peer names it
    std::string_view payload;  // of the arguments
    bool link = false;
    monitor_ref monitor = {};  // of `from`
  };
  virtual std::variant<pid, exit_reason> spawn(const spawn_request& what, pid_mapper& pids) = 0;
  /// The index of a node in this system's pids; 0 is this node; nothing if the table is full.
  virtual std::optional<std::uint32_t> index_of(const node_identity& node) = 0;
  virtual node_identity identity_of(std::uint32_t index) = 0;
  /// What is left of the time until then.
  virtual std::chrono::nanoseconds time_left(steady_time deadline) = 0;
  /// Something for the log that happens in operation. The owner limits how often it is written.
  virtual void warn(std::string text) = 0;

 protected:
  ~connection_host() = default;
};

/// The protocol between two nodes that have shaken hands, as a pure state machine: frames of the
/// peer and messages of local processes in; frames, deliveries and notices out, through the host.
/// It keeps what hangs on the connection (links, monitors, calls) so that all of it is told when
/// the connection is lost. PROTOCOL.md is the specification. For one thread at a time.
class connection final : private pid_mapper {
 public:
  /// `peer` is the index of the other node in pids here; `features` are those that both have.
  connection(connection_host& host, std::uint32_t peer, const limits& bounds,
             std::uint64_t features = known_features);

  /// A message of a local process for a pid or a name on the peer. What cannot be encoded is told
  /// to its sender; the connection lives.
  void send(const destination& to, message what);
  /// The next `send` may give numbers out anew: no frame may be unfinished then, for its numbers
  /// are read when its last fragment has come.
  [[nodiscard]] bool starts_numbers_anew() const noexcept {
    return last_number_ > max_definitions / 2;
  }

  /// The number that frames have for the type, if it has been given one.
  [[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view type) const {
    const auto known = type_numbers_.find(type.data());
    return known == type_numbers_.end() ? std::nullopt : std::optional(known->second);
  }

  /// One frame of the peer. A text says how it broke the protocol: the connection must be closed.
  [[nodiscard]] std::optional<std::string> on_frame(std::span<const std::byte> body);
  /// Set once the peer has said goodbye: what follows is only the end of the stream.
  [[nodiscard]] const std::optional<std::string>& goodbye() const noexcept { return goodbye_; }

  /// Sends a heartbeat.
  void tick();
  /// Sends one that the peer answers at once. Only if it can: feature_ask.
  void ask();
  /// Whether the last `ask` has been answered.
  [[nodiscard]] bool answered() const noexcept { return answered_ == asked_last_; }
  /// Asks the peer to send no more to that process or name here, or to go on.
  void pause(const destination& to, bool pause);
  void say_goodbye(wire::goodbye::cause why, std::string_view text);

  /// The index of the other node.
  [[nodiscard]] std::uint32_t peer() const noexcept { return peer_; }

  /// The connection is gone: every link, monitor and call that used it is told, once.
  void lost(const exit_reason& why);

 private:
  struct definition {
    wire::define_name::space space;
    std::string text;
    std::uint32_t node = 0;             // of a node: its index here
    std::array<found_type, 3> found{};  // of a type: by role, once it was looked up
  };
  // What came of a message in a frame: it, or why it is refused, or how the frame is broken.
  struct taken {
    message value{};
    std::string why{};
    bool broken = false;
  };
  struct open_call {
    pid caller;  // who is told, and by which number it knows
    std::uint64_t ref = 0;
    steady_time deadline;
    bool links = false;        // a spawn whose answer makes the caller's half of a link
    monitor_ref monitor = {};  // of a spawn: its answer tells what that is on
  };
  using local_call = std::pair<pid, std::uint64_t>;  // process here and its reference
  // In the place of a caller on another node. It is no process: those have a generation.
  static constexpr pid stand_in{0, 1};
  using foreign_ref = std::pair<std::uint64_t, std::uint64_t>;  // process there and its reference

  // Out: one for each kind of message. In connection_out.cpp.
  void send_value(const destination& to, message& what);
  void send_request(const destination& to, message& what);
  void send_spawn(const destination& to, message& what);
  void send_reply(pid to, message& what);
  void send_signal(const destination& to, message& what);
  void refuse(const destination& to, message what, const std::string& why);
  template <class Frame>
  void note_call(Frame& out, troupe::internal::request_header& header, bool links = false,
                 monitor_ref monitor = {});
  void sweep_calls();
  std::optional<std::string> encode_value(std::string& out, const message& what);
  std::optional<std::string> put_value(wire::value& out, const message& what);
  void put_reason(wire::exit_reason& out, const exit_reason& reason);
  template <class Frame>
  void put_target(Frame& out, const destination& to);
  std::uint32_t type_number(std::string_view name);
  std::uint32_t number(wire::define_name::space space, std::string_view text,
                       std::uint64_t incarnation);
  wire_pid to_wire(pid p) override;

  // In: one for each frame. In connection_in.cpp.
  std::optional<std::string> on_fragment(const fragment& f);
  template <class Frame>
  std::optional<std::string> on_pause(const Frame& f, bool pause);
  std::optional<std::string> on_define(const wire::define_name& f);
  std::optional<std::string> on_send(const wire::send& f);
  std::optional<std::string> on_send(const send_frame& f);
  std::optional<std::string> on_request(const wire::request& f);
  std::optional<std::string> on_reply(const wire::reply& f);
  std::optional<std::string> on_spawn(const wire::spawn& f);
  std::optional<std::string> on_spawn_reply(const wire::spawn_reply& f);
  std::optional<std::string> on_link(const wire::link& f);
  std::optional<std::string> on_unlink(const wire::unlink& f);
  std::optional<std::string> on_unlink_ack(const wire::unlink_ack& f);
  std::optional<std::string> on_exit(const wire::exit& f);
  std::optional<std::string> on_monitor(const wire::monitor& f);
  std::optional<std::string> on_demonitor(const wire::demonitor& f);
  std::optional<std::string> on_down(const wire::down& f);
  std::optional<std::string> on_tick(const wire::tick& f);
  std::optional<std::string> on_goodbye(const wire::goodbye& f);
  void refuse_request(const wire::request& f, const exit_reason& why);
  taken take_value(std::uint32_t type, std::string_view payload, message_kind role);
  taken take_value(const wire::value& in, message_kind role) {
    return take_value(in.type(), in.payload(), role);
  }
  std::variant<exit_reason, std::string> take_reason(const wire::exit_reason& in);
  template <class Frame>
  std::variant<destination, std::string> take_target(const Frame& f);
  definition* defined(std::uint64_t number, wire::define_name::space space);
  std::optional<pid> from_wire(wire_pid p) override;
  [[nodiscard]] pid theirs(std::uint64_t id) const noexcept { return {peer_, id}; }
  void fail_call(const open_call& call, const exit_reason& why);

  connection_host& host_;
  const std::uint32_t peer_;
  const limits bounds_;
  const std::uint64_t features_;
  std::optional<std::string> goodbye_;
  std::uint32_t asked_last_ = 0;  // by `ask`
  std::uint32_t answered_ = 0;
  reassembler reassembler_;
  bool whole_of_fragments_ = false;  // is handled just now

  std::map<std::pair<wire::define_name::space, std::string>, std::uint32_t> numbers_;
  std::unordered_map<const char*, std::uint32_t>
      type_numbers_;  // by the address of a constant name
  std::uint32_t last_number_ = 1;
  static constexpr std::uint32_t first_number = 2;  // 0 and 1 are the two nodes of the connection
  std::vector<definition> definitions_;             // of the peer, by number from the first on
  static constexpr std::size_t kept_payload_bytes = 64 * 1024;
  std::string payload_;  // of the message that is being sent

  struct link_state {
    bool active = true;    // or our unlink is under way
    std::uint64_t id = 0;  // of our link or unlink; 0 if only the peer has linked
  };
  std::map<std::pair<pid, pid>, link_state> links_;  // by ours and theirs
  const std::shared_ptr<troupe::internal::connection_end> over_ =
      std::make_shared<troupe::internal::connection_end>();
  std::map<local_call, pid> monitors_;     // by processes here: the target, or none if it is a name
  std::map<foreign_ref, pid> watchers_;    // by processes there, on ours
  std::set<foreign_ref> asked_;            // by processes there: this node owes a reply
  std::map<local_call, open_call> calls_;  // of processes here: an answer is due
  std::uint64_t last_passed_on_ = 0;       // of `stand_in`
  static constexpr std::size_t least_calls_to_sweep = 256;
  std::size_t calls_to_sweep_ = least_calls_to_sweep;
};

}  // namespace troupe::net
