#pragma once

#include <troupe/net/tls.hpp>
#include <troupe/troupe.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace troupe::net {

class transport;

/// What one other node may hold of this one at a time: far more than an honest one does, and no
/// more memory than this one can spare. What it asks for beyond that is refused, one by one, with
/// an error `troupe::peer_quota`: it knows of each refusal, and nothing else is lost.
struct peer_quota {
  /// Processes that it has started here, by `spawn_on` and its like, and that live. They count
  /// until they end, also when the connection is lost.
  std::size_t processes = std::size_t{1} << 18;
  /// Links between its processes and those here. Those that were made from here count, too, but
  /// are not refused. Who asks for one more gets the exit signal of a link that breaks.
  std::size_t links = std::size_t{1} << 20;
  /// Of its processes, on those here. Who asks for one more gets its `down`.
  std::size_t monitors = std::size_t{1} << 20;
  /// Calls of its processes that are not answered yet.
  std::size_t calls = std::size_t{1} << 20;
};

/// How a node is made. Durations and limits have the defaults of a small trusted network.
struct node_options {
  /// `app@host:port`: who the node is and where it listens. Port 0 lets the system choose one;
  /// `node::name()` then tells. The host is an address of this machine, `localhost`, or `unix` for
  /// Unix domain sockets, by which nodes of this machine reach it; the name must be the only one of
  /// its cluster all the same. Empty: from the environment variable TROUPE_NODE, which a parent
  /// sets for its peers.
  std::string name = {};
  /// The secret that all nodes of the cluster share. Empty: from the environment variable
  /// TROUPE_COOKIE, else from `cookie_file`.
  std::string cookie = {};
  /// Empty: from the environment variable TROUPE_COOKIE_FILE, else $HOME/.troupe.cookie. Only its
  /// owner may be able to read it.
  std::filesystem::path cookie_file = {};
  /// Left out of `nodes()` and of node monitors on the other side. (Erlang: hidden node.)
  bool hidden = false;
  /// With it all connections of this node are encrypted, and both sides show certificates. Over TCP
  /// only.
  tls_options tls = {};
  /// Without TLS a node listens on loopback addresses only, unless this says that the network is
  /// closed to strangers: what crosses it can be read and altered by whoever is on the way.
  bool listen_insecure = false;
  /// The registered names that other nodes may send to, call and monitor; to them it is as if
  /// nobody had another one. Not given: all. It is no bound for who has a pid of this node, or
  /// guesses one; and offers are what is offered.
  std::optional<std::vector<std::string>> reachable_names = {};
  /// A node that is silent for this long is taken for dead: seen after 0.75 to 1.25 of it. (Erlang:
  /// net_ticktime.)
  std::chrono::nanoseconds tick_time = std::chrono::seconds(12);
  /// For a dial and its handshake, or the handshake of one that dials us. A node that is connected
  /// has half of it to answer when another one of its name comes; else it makes room for that one.
  std::chrono::nanoseconds setup_time = std::chrono::seconds(5);
  /// Handshakes under way at once on connections that came in; of more, those that say least end.
  std::size_t max_handshakes = 256;
  /// Of these, so many have their turn with TLS at once, which costs time and memory. The others
  /// wait, unread; while any of them do, a turn is no longer than a twentieth of `setup_time`.
  std::size_t max_tls_handshakes = 64;
  /// Longest message, encoded; see wire/limits.hpp.
  std::uint32_t max_message_bytes = 16 * 1024 * 1024;
  /// When more than this waits to be sent to one node, in bytes of memory, processes that send to
  /// it wait at their next `co_await` until half of it has gone. (Erlang: +zdbbl.)
  std::size_t busy_bytes = std::size_t{1} << 20;
  /// What may lie unread in the mailboxes of this node, of all that one other node has sent: bytes
  /// on the way, and 64 for each message. A process that has more unread than is left of it has
  /// those who send to it wait, at their node, until it has read; others are sent to as before.
  std::size_t unread_bytes = std::size_t{16} << 20;
  /// What happens to a message for a node, or a process there, that has too much already. Only
  /// `hold_sender`: the process that sends waits; and `refuse`: it is dropped, a call fails at once
  /// with `troupe::node_busy`, `try_send` returns false. Who calls is not held, but waits for its
  /// answer as ever. Threads cannot wait: what they send to a process that has too much unread is
  /// refused. Signals and replies always go.
  overflow when_busy = overflow::hold_sender;
  /// What may wait to be sent to one node. A connection that would exceed it is closed: its peer is
  /// too slow, and a hole in what it receives would break the order promised.
  std::size_t max_queued_messages = std::size_t{1} << 20;
  /// As they are in memory; answers that this node itself owes to a peer that does not read count
  /// too, as they are on the wire.
  std::size_t max_queued_bytes = std::size_t{64} << 20;
  /// For each other node.
  peer_quota quota = {};
  /// For how long after its last work the worker that waits for the network looks at the sockets
  /// before it sleeps; see `set_busy_poll`. 0: it sleeps at once.
  std::chrono::nanoseconds busy_poll = std::chrono::microseconds(100);
  /// What carries the bytes; it must outlive the system's processes. Null: TCP, or TLS over it.
  transport* carrier = nullptr;
};

/// A node could not be made or reached: the text says what, where and how to put it right.
class node_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// To the subscribers of `node::monitor_nodes`: before the first message of that node.
struct nodeup {
  std::string node;
  std::uint64_t incarnation = 0;
};
/// After its last message, and after all `noconnection`s that this end caused.
struct nodedown {
  std::string node;
  std::uint64_t incarnation = 0;
  std::string reason;
};

namespace internal {

class cluster;

// A behaviour that other nodes may start: the type of its arguments and how it is started with
// them.
struct offer_record {
  const message_type* arguments;
  pid (*start)(const void* how, troupe::internal::engine& home,
               const troupe::internal::launch_options& options, void* arguments);
  std::shared_ptr<const void> how;
};
// Asks another node to start a behaviour. Carried by the cluster as a frame of its own.
struct spawn_order {
  using reply = pid;
  std::string behaviour;
  message arguments;  // a std::tuple of them
  bool link = false;
  monitor_ref monitor = {};  // promised to who asks; none: without
};

}  // namespace internal

/// Makes a system part of a cluster: pids of other nodes work as those of this one, for send, call,
/// link, monitor and exit. Nodes connect on first use, each with each. One node a system; destroy
/// it before the system. Its functions may be called from any thread; those without a context wait
/// and are not for use inside processes.
///
///     troupe::system system;
///     troupe::net::node node(system, {.name = "a@127.0.0.1:7400"});
///     node.connect("b@127.0.0.1:7401");
///     system.send({"counter", "b@127.0.0.1:7401"}, add{1});
class node {
 public:
  /// Listens. Throws node_error: bad name, no cookie, address in use, neither TLS nor loopback, TLS
  /// files that are missing, wrong, expired, or not this node's.
  node(troupe::system& system, node_options options);
  /// Says goodbye to all nodes and closes. What was sent before may not have left.
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;
  /// Drawn at random when the node starts: a node of the same name with another one is another
  /// node.
  [[nodiscard]] std::uint64_t incarnation() const noexcept;

  /// Connects, or finds that it is connected. Throws node_error with the reason.
  void connect(std::string_view to);
  /// The same from inside a process.
  [[nodiscard]] task<> connect(context self, std::string_view to);
  /// Closes the connection to the node, if there is one; links and monitors fire as for a lost one.
  void disconnect(std::string_view from);
  /// The nodes that this one is connected to, without hidden ones, in order of name.
  [[nodiscard]] std::vector<std::string> nodes() const;

  /// The process gets `nodeup` and `nodedown` from now on, and a `nodeup` for each node that is
  /// connected already. Ends with the process. Who subscribes k times gets each k times. (OTP:
  /// net_kernel:monitor_nodes/1.)
  void monitor_nodes(context self);
  /// Takes all subscriptions of the process back. What is in its mailbox stays; nothing comes after
  /// this. (OTP: net_kernel:monitor_nodes(false).)
  [[nodiscard]] task<> demonitor_nodes(context self);

  /// Lets other nodes start this process function, or this server with arguments of these types.
  /// What is not offered cannot be started from outside. Any number of times, by any node.
  template <class... Args>
  void offer(std::string name, process (*function)(context, Args...)) {
    using arguments = std::tuple<std::decay_t<Args>...>;
    add_offer(std::move(name), {&message_type_of<arguments>, &start_function<arguments, Args...>,
                                std::make_shared<process (*)(context, Args...)>(function)});
  }
  template <troupe::internal::server_type S, class... Args>
  void offer(std::string name) {
    add_offer(std::move(name),
              {&message_type_of<std::tuple<Args...>>, &start_server<S, Args...>, nullptr});
  }

  /// Starts a behaviour that the other node offers under that name, and gives its pid. The types of
  /// the arguments are those of the offer. Throws call_error: not offered, arguments that do not
  /// fit, more than `peer_quota` allows, noconnection, timeout.
  template <class... Args>
  [[nodiscard]] task<pid> spawn_on(context self, std::string where, std::string behaviour,
                                   Args... args) {
    return order(
        self, std::move(where),
        {std::move(behaviour), message::of(std::tuple<Args...>(std::move(args)...)), false});
  }
  /// The same, linked to the calling process from the start.
  template <class... Args>
  [[nodiscard]] task<pid> spawn_link_on(context self, std::string where, std::string behaviour,
                                        Args... args) {
    return order(
        self, std::move(where),
        {std::move(behaviour), message::of(std::tuple<Args...>(std::move(args)...)), true});
  }
  /// The same, monitored by the calling process from the start: exactly one `down` with that
  /// reference follows, with the reason of its end even if it ends at once, or noconnection. If
  /// this throws, none does. Throws call_error also if the other node's version does not know of
  /// it. (OTP: spawn_monitor/4.)
  template <class... Args>
  [[nodiscard]] task<monitored> spawn_monitor_on(context self, std::string where,
                                                 std::string behaviour, Args... args) {
    return order_monitored(
        self, std::move(where),
        {std::move(behaviour), message::of(std::tuple<Args...>(std::move(args)...))});
  }
  template <class... Args>
  pid spawn_on(std::string where, std::string behaviour, Args... args) {
    return order(std::move(where), {std::move(behaviour),
                                    message::of(std::tuple<Args...>(std::move(args)...)), false});
  }

  /// For the other parts of this library.
  [[nodiscard]] internal::cluster& inside() const noexcept { return *cluster_; }

 private:
  template <class Arguments, class... Args>
  static pid start_function(const void* how, troupe::internal::engine& home,
                            const troupe::internal::launch_options& options, void* arguments) {
    const auto function = *static_cast<process (*const*)(context, Args...)>(how);
    return std::apply(
        [&](auto&... args) {
          return troupe::internal::launch(home, options, "offered process", function,
                                          std::move(args)...)
              .id;
        },
        *static_cast<Arguments*>(arguments));
  }
  template <class S, class... Args>
  static pid start_server(const void*, troupe::internal::engine& home,
                          const troupe::internal::launch_options& options, void* arguments) {
    return std::apply(
        [&](auto&... args) {
          return troupe::internal::launch_server<S>(home, options, std::move(args)...).id;
        },
        *static_cast<std::tuple<Args...>*>(arguments));
  }
  void add_offer(std::string name, internal::offer_record what);
  static task<pid> order(context self, std::string node, internal::spawn_order what);
  static task<monitored> order_monitored(context self, std::string node,
                                         internal::spawn_order what);
  pid order(std::string node, internal::spawn_order what);

  std::shared_ptr<internal::cluster> cluster_;
};

}  // namespace troupe::net
