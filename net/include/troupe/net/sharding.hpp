#pragma once
// Processes under keys, spread over the nodes of a cluster. (Akka: cluster sharding; Orleans:
// grains; Elixir: Horde. OTP has none.)

#include <troupe/net/directory.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net {

/// What a process is there for: given to the constructor of its server, which may take it as this
/// or as a std::string.
struct shard_key {
  std::string key;
  /// The fencing token of the shard: greater than that of every process that this key had on
  /// another node. What the process writes to carries it along and refuses a smaller one.
  std::uint64_t token = 0;
  operator std::string() const { return key; }  // NOLINT(*-explicit-*): most need no more
};

/// More shards than anyone needs; each costs a lease and some hundred bytes on every node.
inline constexpr std::size_t max_shards = 65536;

struct sharding_options {
  /// Into how many parts the keys are divided; each part is on one node at a time and has a lease
  /// of its own. Some ten times the nodes that there will ever be. The same on all nodes, always:
  /// with another number a key belongs to another shard.
  std::size_t shards = 128;
  /// A key's process that was sent nothing for so long is ended with `normal` once it has read its
  /// mail; it may take a quarter longer. `infinity`: never.
  std::chrono::nanoseconds idle = std::chrono::minutes(2);
  /// How long the processes of a shard that moves may take to read their mail and end; then they
  /// are killed. After a lost lease it is half of lease_options::stop_time.
  std::chrono::nanoseconds stop_time = std::chrono::seconds(5);
  /// Processes of keys on this node at most. Beyond that messages for new keys are refused.
  std::size_t max_processes = 1'000'000;
  /// Messages, and the bytes that they take in memory, that may wait on this node for a shard that
  /// is on its way, or for a process that is being ended. Beyond that they are refused.
  std::size_t max_buffered = 10'000;
  std::size_t max_buffered_bytes = std::size_t{64} << 20;
  /// Of each key's process. One that makes senders wait holds up its whole shard.
  mailbox_limits mailbox = {};
};

/// One shard as a node knows it.
struct shard_status {
  std::uint32_t number = 0;
  /// Where it is; if this node has not asked, where it belongs. Empty: nobody runs the child.
  std::string node;
  /// The rest only if it is on the node that was asked: its token, 0 elsewhere.
  std::uint64_t token = 0;
  std::size_t processes = 0;
  std::size_t buffered = 0;
};
struct sharding_status {
  std::vector<std::string> members;  // nodes that run the child, by name
  std::vector<shard_status> shards;  // all, by number
  // Of the node that was asked.
  std::size_t processes = 0;
  std::size_t buffered = 0;
  std::uint64_t refused = 0;  // messages and calls, since its start
};

/// With an error of this type a call fails that was refused: the text says why, and which option
/// bounds it.
inline constexpr std::string_view sharding_refusal = "troupe::sharding_refused";

/// The shard of a key. The same on all nodes and in all versions.
[[nodiscard]] std::uint32_t shard_of(std::string_view key, std::size_t shards) noexcept;

namespace internal {

/// Starts the process of a key.
using shard_starter = std::function<pid(troupe::internal::engine&,
                                        const troupe::internal::launch_options&, shard_key)>;
[[nodiscard]] child_spec sharding_child(std::string name, const node& home, const directory& names,
                                        sharding_options options, shard_starter start);
/// To the process of a key, by this node's region; a call fails with noproc if there is none.
void send_to_key(context self, const std::string& region, std::string_view key, message what);
[[nodiscard]] task<sharding_status> ask_sharding(context self, std::string region);

// As call_awaiter of core, but the request goes inside of a message.
template <class T, bool Throws>
class [[nodiscard("co_await it")]] key_call {
 public:
  key_call(std::string region, std::string_view key, T body, std::chrono::nanoseconds timeout)
      : region_(std::move(region)),
        key_(key),
        body_(std::move(body)),
        timeout_(timeout),
        wait_(slot_) {}

  [[nodiscard]] bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> leaf) {
    namespace core = troupe::internal;
    const auto header = core::call_header(timeout_);
    send_to_key(context::current(), region_, key_,
                message(core::make_request(slot_, std::move(body_), header)));
    if (wait_.ready()) return false;  // refused at once
    wait_.arm_until(core::give_up_time(header, timeout_));
    wait_.suspend(leaf);
    return true;
  }
  auto await_resume() {
    namespace core = troupe::internal;
    using reply = typename T::reply;
    message answer(core::take_reply(slot_, message_type_of<core::reply_payload_of<T>>));
    if constexpr (Throws) {
      auto* const value = answer.get_if<core::reply_payload_of<T>>();
      if (value == nullptr) core::throw_call_error(type_of<T>.name, region_ + "/" + key_, answer);
      if constexpr (!std::is_void_v<reply>) return reply(std::move(value->value));
    } else {
      return result<reply>(answer.release());
    }
  }

 private:
  std::string region_;
  std::string key_;
  T body_;
  std::chrono::nanoseconds timeout_;
  troupe::internal::reply_slot slot_;
  troupe::internal::reply_wait wait_;
};

}  // namespace internal

/// Servers of class S under keys: one process for each key that is used, on one of the nodes that
/// run `child`. A plain value; the same name means the same processes in the whole cluster.
///
///     const troupe::net::sharding<account> accounts("accounts");
///     system.supervise(one_for_one{}, {accounts.child(node, names, {}, dsn)});   // on each node
///     accounts.send(self, "ada", deposit{10});                 // inside of processes, anywhere
///     int n = co_await accounts.call(self, "ada", balance{});
///
/// A process is started by the first message for its key, as `S(shard_key, arguments...)` or
/// `S(std::string, arguments...)`, and is ended when it is idle; if it ends otherwise, what lies
/// unread in its mailbox is lost, and the next message starts another one. Keys belong to shards
/// and these to nodes, by a hash of both, so that when nodes come and go only the shards move that
/// must. Before a shard's processes start on one node they have ended on the other: a shard is a
/// name of the directory, held by a lease.
template <troupe::internal::server_type S>
class sharding {
 public:
  /// `name` is that of the process which each node has for it (its region), of the names of the
  /// shards in the directory, `name/number`, and of the group by which members find each other.
  explicit sharding(std::string name) : name_(std::move(name)) {}

  /// For a supervisor on each node that is to run the processes. When it is stopped, the shards of
  /// this node are handed over, which takes up to `stop_time`. The node must outlive it. Throws
  /// std::invalid_argument for options that contradict themselves.
  template <class... Args>
  [[nodiscard]] child_spec child(const node& home, const directory& names,
                                 sharding_options options = {}, Args... args) const {
    static_assert(std::is_constructible_v<S, shard_key, Args...>,
                  "a server under a key has a constructor that takes a troupe::net::shard_key, or "
                  "a std::string, and then the arguments given to `child`");
    return internal::sharding_child(
        name_, home, names, options,
        [args...](troupe::internal::engine& engine, const troupe::internal::launch_options& how,
                  shard_key at) {
          return troupe::internal::launch_server<S>(engine, how, std::move(at), args...).id;
        });
  }
  /// The same for a node that only sends and calls, a hidden one for instance.
  [[nodiscard]] child_spec proxy(const node& home, const directory& names,
                                 sharding_options options = {}) const {
    return internal::sharding_child(name_, home, names, options, {});
  }

  /// Sends to the process of that key: at most once, and in order with all that this process sends
  /// to that key, also while the shard moves. Dropped, and counted, if it is refused.
  template <class T>
  void send(context self, std::string_view key, T&& value) const {
    troupe::internal::check_handled<S, std::decay_t<T>>();
    internal::send_to_key(self, name_, key,
                          message(troupe::internal::to_node(std::forward<T>(value))));
  }
  /// Asks the process of that key and waits for its answer, which comes from there straight. While
  /// the shard is on its way the request waits, as long as its time allows.
  template <request_message T>
  [[nodiscard]] auto call(context, std::string_view key, T body,
                          std::chrono::nanoseconds timeout = default_call_timeout) const {
    troupe::internal::check_handled<S, T>();
    return internal::key_call<T, true>(name_, key, std::move(body), timeout);
  }
  /// The same, but gives a `result` in the place of throwing.
  template <request_message T>
  [[nodiscard]] auto try_call(context, std::string_view key, T body,
                              std::chrono::nanoseconds timeout = default_call_timeout) const {
    troupe::internal::check_handled<S, T>();
    return internal::key_call<T, false>(name_, key, std::move(body), timeout);
  }

  /// What this node knows. Throws call_error if neither `child` nor `proxy` runs here.
  [[nodiscard]] task<sharding_status> status(context self) const {
    return internal::ask_sharding(self, name_);
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
};

}  // namespace troupe::net
