#pragma once

#include <troupe/net/transport.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/unread_mail.hpp"
#include "protocol/connection.hpp"
#include "protocol/handshake.hpp"
#include "wire/fragments.hpp"
#include "wire/frame_splitter.hpp"

namespace troupe::net::internal {

class cluster;
class remote_node;

/// One stream to another node, from its first byte to its last: drives the handshake, then the
/// connection, and moves bytes. Lives on the transport's executor; kept alive by the cluster's list
/// and by the callbacks of its stream.
class session final : public std::enable_shared_from_this<session>, private connection_host {
 public:
  /// The stream is open. `dialled` is the node that was dialled, or null for one that came in.
  session(cluster& owner, std::unique_ptr<stream> bytes, std::shared_ptr<remote_node> dialled);

  void start();
  /// A message for the node; only once it is up. If it is long and goes in fragments: the number by
  /// which `take_fragmented` names it when the last has been written.
  std::optional<std::uint32_t> send(const destination& to, message what);
  /// Frames that are ready, each whole. What is left in the buffer is of no use.
  void send_ready(std::vector<std::byte>& frames);
  /// The number that such frames have for the type; and whether the next `send` may give these
  /// anew.
  [[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view type) const {
    return engine_->number_of(type);
  }
  [[nodiscard]] bool starts_numbers_anew() const noexcept { return engine_->starts_numbers_anew(); }
  [[nodiscard]] std::vector<std::uint32_t> take_fragmented() {
    return std::exchange(fragmented_, {});
  }
  /// Has what was written go out.
  void flush();
  /// Says goodbye, writes what there is, and closes.
  void leave(wire::goodbye::cause why, std::string_view text);
  /// Closes now; all that hung on it is told.
  void fail(const std::string& why);

  [[nodiscard]] bool up() const noexcept { return engine_.has_value(); }
  [[nodiscard]] bool dialled() const noexcept { return dialled_; }
  [[nodiscard]] const peer_info& peer() const noexcept { return *peer_; }
  /// Whether who dialled has said which node it is; not proved before it is up.
  [[nodiscard]] bool named() const noexcept { return claimed_.has_value(); }
  /// Of one that came in over TLS: whether it has said something and waits for its turn; when that
  /// was, while its handshake of TLS is under way; and whether it has come so far at all.
  [[nodiscard]] bool waits_for_turn() const noexcept { return tls_ == tls_stage::waits; }
  [[nodiscard]] std::optional<steady_time> turn() const noexcept {
    return tls_ == tls_stage::under_way ? std::optional(turn_) : std::nullopt;
  }
  [[nodiscard]] bool had_turn() const noexcept { return tls_ >= tls_stage::under_way; }
  void take_turn();
  /// Whether it said to be that node.
  [[nodiscard]] bool claims(const peer_info& node) const {
    return claimed_ && claimed_->name == node.name && claimed_->incarnation == node.incarnation;
  }
  /// Who it said to be, once it is named.
  [[nodiscard]] const peer_info& claimed() const noexcept { return *claimed_; }
  /// Whether it has proved to be a node of that name and waits until the cluster lets it in.
  [[nodiscard]] bool undecided(const node_name& name) const noexcept {
    return handshake_ && handshake_->undecided() && claimed_->name == name;
  }
  void decide(const admission_answer& may_join);
  /// The other node's address.
  [[nodiscard]] std::string where() const;

  /// Whether it can be found out at once whether the node lives; only once it is up.
  [[nodiscard]] bool can_ask() const noexcept { return (peer_->features & feature_ask) != 0; }
  /// Finds out: within half of the setup time this ends, if a newcomer waits for that then, or
  /// `cluster::answers` is called.
  void ask();

  /// The node's index in pids here; only once it is up.
  [[nodiscard]] std::uint32_t index() const noexcept { return engine_->peer(); }
  /// Whether more may be handed to `send`, or the stream must first take what there is.
  [[nodiscard]] bool has_room() const noexcept {
    return out_.size() < high_water && (fragments_.empty() || !engine_->starts_numbers_anew());
  }

  /// So many bytes may wait in a session before its node's messages wait in their queue: as much as
  /// one write takes, so that the peer reads the first of many messages while the next are encoded.
  static constexpr std::size_t high_water = std::size_t{64} << 10;

 private:
  enum class tls_stage : std::uint8_t { none, waits, under_way, over };
  void start_tls();
  void shake_hands(std::optional<tls_peer> secured);
  void read_on();
  void choose_read_bytes(std::size_t last);
  void cannot_read(const io_error& why);
  void take(std::span<const std::byte> bytes);
  void take_handshake(std::span<const std::byte> body);
  void take_step(const handshake_step& step);
  void take_frame(std::span<const std::byte> body);
  void connected(const peer_info& peer);
  void divide_if_long(std::size_t start);
  void write_fragments();
  void write_on();
  void cannot_write(const io_error& why);
  void arm_tick();
  void on_tick();
  void not_answered();
  void end_silent(const std::string& why);
  void end(const std::string& why);
  [[nodiscard]] std::string who() const;

  void count_passed(std::size_t mails);
  void receive_one(const destination& to, message what, std::size_t bytes);
  void pass_on();

  // connection_host
  void write(const wire::frame& frame) override;
  void write(const send_frame& frame) override;
  void deliver(const destination& to, message what) override;
  void receive(const destination& to, message what, std::size_t bytes) override;
  void receive(pid to, message what, std::size_t bytes) override;
  bool pause(const destination& to, bool pause) override;
  void bounce(const destination& to, message what, const exit_reason& why) override;
  void address(message& request, pid reply_to, std::uint64_t ref,
               std::chrono::nanoseconds timeout) override;
  pid whereis(std::string_view name) override;
  std::variant<pid, exit_reason> spawn(const spawn_request& what, pid_mapper& pids) override;
  std::optional<std::uint32_t> index_of(const node_identity& node) override;
  node_identity identity_of(std::uint32_t index) override;
  std::chrono::nanoseconds time_left(steady_time deadline) override;
  void warn(std::string text) override;

  cluster& cluster_;
  std::unique_ptr<stream> stream_;  // null once it is closed
  std::shared_ptr<remote_node> remote_;
  const bool dialled_;
  frame_splitter splitter_;
  std::optional<handshake> handshake_;
  std::optional<peer_info> claimed_;
  std::optional<peer_info> peer_;
  std::optional<connection> engine_;

  std::vector<std::byte> in_;
  static constexpr std::size_t least_read_bytes = 4 * 1024;
  std::size_t read_bytes_ = least_read_bytes;  // of the next read
  std::vector<std::byte> out_;                 // frames; up to `sent_` they have left
  std::vector<std::byte> writing_;
  std::size_t sent_ = 0;
  fragmenter fragments_;
  std::optional<std::uint32_t> divided_;   // what is sent just now
  std::vector<std::uint32_t> fragmented_;  // whole since it was last asked
  std::shared_ptr<unread_mail> unread_;
  // Mail that came for one process, and that it gets all at once: from the newest to the oldest.
  struct {
    pid to = {};
    troupe::internal::message_node* newest = nullptr;
    troupe::internal::message_node* oldest = nullptr;
    std::size_t count = 0;
    std::size_t bytes = 0;
  } arrived_;
  static constexpr std::size_t most_at_once = 64;  // its process begins with the first of many
  // After so many it is the turn of who they are for: they are read while they are in the cache.
  static constexpr std::size_t most_before_turns = 2048;
  std::size_t passed_on_ = 0;
  bool write_under_way_ = false;
  std::optional<std::string> leaving_;  // why it closes once all is written
  bool ended_ = false;
  tls_stage tls_ = tls_stage::none;
  steady_time turn_;

  std::unique_ptr<pending> deadline_;  // of the handshake
  std::unique_ptr<pending> tick_;
  steady_time last_tick_;
  bool heard_ = false;              // since the last tick
  std::unique_ptr<pending> asked_;  // an answer is due
  bool heard_since_asked_ = false;
  int silent_ticks_ = 0;
};

}  // namespace troupe::net::internal
