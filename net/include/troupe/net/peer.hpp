#pragma once

#include <troupe/net/command.hpp>
#include <troupe/net/node.hpp>

#include <map>
#include <string>
#include <vector>

namespace troupe::net {

/// How a peer knows its variables, and its parent.
enum class peer_control : std::uint8_t {
  /// By its environment and a socket that it inherits, as the table below has it.
  socket,
  /// By its standard input and output, for a prefix that gives the program neither environment nor
  /// open files: ssh, sudo, docker. Its program is run by `env`, and must not read its standard
  /// input; `environment` stands in the command line, where others may see it, the variables below
  /// do not. It is asked to stop by the end of its input, as a signal would reach the prefix alone.
  /// What else it writes is logged. (OTP: peer's standard_io.) ssh has a shell on the other side
  /// look at the words: quote what is special to it.
  standard_io,
};

/// Where the standard output and error of a peer go.
enum class peer_output : std::uint8_t {
  inherited,  // to where those of this process go
  logged,     // to the system's log, line by line, with the peer's name
};

/// Another OS process that runs a node of this cluster: which program, and with what. Its program
/// joins by `troupe::net::node node(system, {});`: name and cookie come by its environment.
///
/// | variable            | holds                                                              |
/// | ------------------- | ------------------------------------------------------------------ |
/// | TROUPE_NODE         | `name`: what a node without a name of its own takes                |
/// | TROUPE_COOKIE       | the cookie of the parent's node, if its options hold it            |
/// | TROUPE_COOKIE_FILE  | the file of that cookie, if its options name one                   |
/// | TROUPE_TLS_...      | the files of the parent's TLS, if its options name them            |
/// | TROUPE_PEER_OF      | the name of the parent's node                                      |
/// | TROUPE_PEER_FD      | the socket whose other end is the parent; closed: the parent ended |
/// | TROUPE_PEER_STOP_MS | `stop_time`                                                        |
///
/// A peer of a node with TLS speaks TLS, too: with the parent's certificate, which must then name
/// the peer as well, or with another one whose files `environment` names (see tls_options).
///
/// The peer shares this process's standard output and error, unless `output` says otherwise. It has
/// no input, none of its other open files, no signal blocked or ignored, and a process group of its
/// own: SIGINT from the keyboard reaches the parent, which then stops its peers in order.
struct peer_options {
  /// The node name for it, `app@host:port`; port 0 lets the system choose. Empty: `peer@host:0`
  /// with the host of the parent's node.
  std::string name = {};
  /// A path, or a name to look up in PATH. Empty: the program that runs now.
  std::string program = {};
  std::vector<std::string> arguments = {};
  /// Added to this process's environment. The variables above win over it, but for
  /// those of TLS.
  std::map<std::string, std::string> environment = {};
  /// A program that is to run this one, with its arguments: `{"nice", "-n", "5"}`,
  /// `{"ip", "netns", "exec", "blue"}`, `{"ssh", "worker@10.0.0.2"}`.
  std::vector<std::string> prefix = {};
  peer_control control = peer_control::socket;
  peer_output output = peer_output::inherited;
  /// Where it works; empty: where this process does.
  std::string directory = {};
  resource_limits limits = {};
  /// How long it may take until its node has joined.
  std::chrono::nanoseconds start_time = std::chrono::seconds(10);
  /// How long it may take to end after SIGTERM before it is killed.
  std::chrono::nanoseconds stop_time = std::chrono::seconds(5);
};

/// A peer that has joined.
struct peer_joined {
  pid peer;                       // the process here that stands for it
  std::string node;               // its node's name
  std::uint64_t incarnation = 0;  // its node's, as `nodeup` and `nodedown` tell it
  int os_process = 0;             // its id in the operating system
};

/// The exit reason of a peer whose OS process ended by itself: by a signal, or with a status that
/// is not 0. (With status 0 the reason is normal.) A status of -1 means that it is not known,
/// because something else in this program waits for all children or ignores SIGCHLD.
struct peer_ended {
  std::string node;
  int signal = 0;
  int status = 0;
  std::string text;  // for people: `its program was ended by signal 9 (Killed)`
  friend bool operator==(const peer_ended&, const peer_ended&) = default;
};

/// Starts a peer and waits until its node has joined this one. Throws node_error: a bad name, no
/// such program, it ended or its node failed before it had joined, or it took too long and was
/// killed. Start it in a system that has a node; `home` is looked at only now.
///
/// The process given stands for the peer: monitor it, link it, stop the peer through it.
/// - It ends when the OS process ends; see peer_ended.
/// - An exit signal with a reason other than normal, as `self.exit(peer, exit_reason::shutdown)` or
///   the end of a linked process, stops the peer: SIGTERM (see peer_control), after stop_time
///   SIGKILL; then it ends with that reason, or with peer_ended if the OS process ended with a
///   status other than 0 or by a signal of its own. `kill` kills the peer at once.
/// - When it has ended, the OS process is gone and its port is free.
///
/// Peers end with this OS process, however that ends: a peer whose parent is gone gets SIGTERM, and
/// is ended if it lives on for stop_time. This begins when the peer has made its node.
/// (OTP: module peer, with the control connection standard_io or a socket.)
[[nodiscard]] task<peer_joined> start_peer(context self, const node& home,
                                           peer_options options = {});

/// A peer as a child of a supervisor: the next child starts when its node has joined, and it is
/// started again when it ends, under the same name. Registered under its id. Throws node_error if
/// the name is no node name; `home` is looked at only now.
[[nodiscard]] child_spec peer_child(std::string id, const node& home, peer_options options);

/// A cookie for a cluster of one program and its peers, which get it from this node's options:
/// nobody else can join. Any thread.
///
///     node home(system, {.name = "shop@127.0.0.1:0", .cookie = random_cookie(system)});
[[nodiscard]] std::string random_cookie(const troupe::system& system);

/// Whether this program was started as a peer. Any thread.
[[nodiscard]] bool is_peer() noexcept;

/// For the main process of a peer: waits until the parent asks it to stop or is gone (SIGTERM), so
/// that the program can end in order: `if (is_peer()) system.run(until_parent_ends);`. A peer that
/// does not wait here ends by that signal. In a program that is no peer it returns at once.
[[nodiscard]] task<> until_parent_ends(context self);

}  // namespace troupe::net
