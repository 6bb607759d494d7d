#pragma once
// What passes between a program and the peers that it starts, by the environment and the control
// socket. A peer writes one line: `node NAME INCARNATION` when its node listens, or `error TEXT` if
// it cannot. Nothing goes the other way: the socket's end is the parent's end.
//
// Or by standard input and output. Then the parent writes the variables, `NAME=VALUE` on a line
// each, and an empty line; the end of that stream is its end. The peer's line begins with a mark,
// since other output of its program comes the same way.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::net {

/// The variables that a parent sets: name of the node to be, name of the parent's node, and how
/// many milliseconds a peer may take to end once its parent has.
inline constexpr const char* node_variable = "TROUPE_NODE";
inline constexpr const char* parent_variable = "TROUPE_PEER_OF";
inline constexpr const char* stop_variable = "TROUPE_PEER_STOP_MS";
/// Tells which socket is the control socket, as `3:INODE`: a program that the peer starts in turn
/// may inherit the variable, but not the socket. Or `stdio`.
inline constexpr const char* control_variable = "TROUPE_PEER_FD";
inline constexpr const char* control_by_stdio = "stdio";
inline constexpr std::string_view announcement_mark = "troupe-peer: ";
/// The files of tls_options.
inline constexpr const char* tls_certificate_variable = "TROUPE_TLS_CERTIFICATE";
inline constexpr const char* tls_key_variable = "TROUPE_TLS_KEY";
inline constexpr const char* tls_authority_variable = "TROUPE_TLS_AUTHORITY";

// --- in the peer

/// Of a variable that the parent has sent by standard input; null: it has not. Any thread; the
/// first call reads them.
[[nodiscard]] const std::string* sent_variable(const std::string& name);
/// Tells the parent that this process's node listens, and sees to it from now on that the process
/// ends when the parent does: it gets SIGTERM when the parent's end of the socket closes, and is
/// ended for good if it lives on for the stop time. Not in a peer, and after the first time: does
/// nothing. Any thread.
void announce_peer(std::string_view name, std::uint64_t incarnation);
/// Tells the parent why there is no node.
void announce_peer_failure(std::string_view why);

// --- in the parent

/// The longest line that is read from a peer.
inline constexpr std::size_t max_announcement_bytes = 4096;

struct peer_announcement {
  std::string node;  // empty: it failed
  std::uint64_t incarnation = 0;
  std::string failure;
};
/// Reads a line of the control socket, without its end. None: it is not of the form above.
[[nodiscard]] std::optional<peer_announcement> read_announcement(std::string_view line);

}  // namespace troupe::net
