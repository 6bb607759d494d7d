#pragma once

#include <troupe/distribution.hpp>
#include <troupe/net/node.hpp>
#include <troupe/net/transport.hpp>
#include <troupe/outside.hpp>

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/node_table.hpp"
#include "cluster/remote_node.hpp"
#include "cluster/session.hpp"
#include "platform/lock.hpp"
#include "protocol/cookie.hpp"

namespace troupe::net {
class tls_files;
}

namespace troupe::net::internal {

/// What a node is made of: who it is, whom it knows, and the sessions with them. `deliver`, `send`,
/// `remote` and the node table are for any thread; all else runs on the transport's executor.
class cluster final : public distribution, public std::enable_shared_from_this<cluster> {
 public:
  cluster(troupe::system& system, node_options options);

  // --- life, from outside
  void listen();
  void stop();

  // --- any thread
  void deliver(pid from, const destination& to, message what) noexcept override;
  bool send(pid from, const destination& to, message what) noexcept override;
  [[nodiscard]] std::string node_name(std::uint32_t index) const override;
  void share_groups(std::string_view scope) noexcept override;
  [[nodiscard]] std::shared_ptr<remote_node> remote(const net::node_name& name);
  [[nodiscard]] std::optional<std::uint32_t> index_of(const node_identity& node);
  [[nodiscard]] node_identity identity_of(std::uint32_t index) const;
  [[nodiscard]] std::vector<std::string> nodes() const;
  void add_offer(std::string name, offer_record what);
  void subscribe(pid process);
  [[nodiscard]] task<> unsubscribe(context self);
  void disconnect(std::string_view node);
  void post(std::function<void()> work);
  void warn(const std::string& text);

  /// Whether other nodes may use that name: node_options::reachable_names, and what nodes need.
  [[nodiscard]] bool is_reachable(std::string_view name) const;

  // --- the executor
  [[nodiscard]] admission_answer may_join(const peer_info& peer);
  /// A newcomer is undecided: asks the node of its name that is connected.
  void ask_other(const net::node_name& name);
  [[nodiscard]] bool awaits_place(const net::node_name& name) const {
    return !undecided(name).empty();
  }
  /// The node of that session lives: no other one of its name is let in.
  void answers(const session& up);
  /// The one that was connected is gone, or another one has come in its place.
  void decide_about(const net::node_name& name);
  std::shared_ptr<session> add_session(std::unique_ptr<stream> bytes,
                                       std::shared_ptr<remote_node> dialled);
  void drop_slower(const session& up);
  void forget(const session& over);
  /// Who came in and has waited for its turn with TLS the longest has it, as long as there are any.
  void give_turns();
  void came_up(const peer_info& peer);
  void went_down(const peer_info& peer, const std::string& why);
  void note_refusal(const remote_node* dialled, const std::string& why);
  std::variant<pid, exit_reason> start_offer(const connection_host::spawn_request& what,
                                             remote_node& from, pid_mapper& pids);
  [[nodiscard]] bool open() const noexcept { return !closed_.load(std::memory_order_acquire); }
  [[nodiscard]] handshake_identity identity() const;
  /// What a new connection brings to TLS; null if this node does without. Looks at the files.
  [[nodiscard]] tls_context* tls();
  [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }

  [[nodiscard]] troupe::system& system() const noexcept { return system_; }
  [[nodiscard]] troupe::internal::engine& home() const noexcept { return system_.home(); }
  [[nodiscard]] transport& bytes() const noexcept { return transport_; }
  [[nodiscard]] const node_options& options() const noexcept { return options_; }
  [[nodiscard]] const limits& bounds() const noexcept { return bounds_; }
  [[nodiscard]] const cookie& secret() const noexcept { return secret_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_.text(); }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_; }

 private:
  struct known_node {
    node_identity id;
    std::shared_ptr<remote_node> remote;
  };
  [[nodiscard]] remote_node* way_to(const destination& to, message& what) noexcept;
  [[nodiscard]] remote_node* uncommon_way_to(const destination& to, message& what) noexcept;
  void accepted(std::unique_ptr<stream> bytes);
  [[nodiscard]] std::shared_ptr<remote_node> known(const net::node_name& name) const;
  [[nodiscard]] std::vector<std::shared_ptr<session>> undecided(const net::node_name& name) const;
  void close_all(std::unique_ptr<troupe::internal::outside_wait::notice> done);
  void deliver_here(const destination& to, message what) noexcept;
  void open_listener(const endpoint& where);
  void start_exchange(const std::string& scope);
  task<> end_exchanges(context self);

  troupe::system& system_;
  node_options options_;
  limits bounds_;
  net::node_name name_;
  std::uint64_t incarnation_;
  cookie secret_;
  std::shared_ptr<tls_files> tls_;  // null: without TLS
  transport& transport_;
  std::atomic<bool> closed_{false};

  mutable platform::shared_mutex mutex_;  // of what any thread reaches
  std::map<std::string, std::shared_ptr<remote_node>, std::less<>> remotes_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint32_t> indexes_;
  node_table<known_node> known_;             // by index; to be found without the mutex
  std::map<std::string, std::uint64_t> up_;  // visible nodes, with their incarnations
  std::map<std::string, offer_record, std::less<>> offers_;
  steady_time warned_since_{};
  int warnings_ = 0;

  // The executor's.
  std::unique_ptr<listener> listener_;
  std::list<std::shared_ptr<session>> sessions_;  // oldest first
  std::unique_ptr<pending> next_turn_;            // when the slowest has had it for long enough
  std::vector<pid> subscribers_;
  std::map<std::string, pid> exchanges_;  // of process groups, by scope: their supervisors
  std::unique_ptr<troupe::internal::outside_wait::notice> stopped_;
};

}  // namespace troupe::net::internal
