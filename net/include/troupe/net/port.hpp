#pragma once

#include <troupe/net/command.hpp>
#include <troupe/troupe.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace troupe::net {

/// How the bytes of a program become messages.
enum class port_framing : std::uint8_t {
  lines,      // each line a message, without its end; what is written is taken as it is
  raw,        // as they come
  packets_1,  // a length of 1, 2 or 4 bytes, the highest first, stands before each, in both
  packets_2,  // directions; it is put there and taken away by the port
  packets_4,
};

/// Where the standard error of a program goes.
enum class port_errors : std::uint8_t {
  logged,     // to the system's log, line by line, with the name of the program
  merged,     // to where its standard output goes
  inherited,  // to where this process's standard error goes
};

/// External programs as one process: what they are, and how they are spoken with.
struct port_options {
  /// One program; or several, the output of each being the input of the next, by pipes of the
  /// operating system: `{{.program = "sort"}, {.program = "uniq", .arguments = {"-c"}}}`.
  std::vector<command> commands;
  port_framing framing = port_framing::lines;
  port_errors errors = port_errors::logged;
  /// The longest message. A line that is longer comes in parts; a packet that is longer ends the
  /// port.
  std::size_t max_message_bytes = std::size_t{64} * 1024;
  /// Messages that the owner may have been sent from the oldest on that it has not handled. Then
  /// the port reads no more, and the program waits as soon as its pipe is full.
  std::size_t window = 64;
  /// What may wait to be written before those who send it are held; see overflow::hold_sender.
  std::size_t max_input_bytes = std::size_t{256} * 1024;
  /// How long the programs may take to end after SIGTERM before they are killed.
  std::chrono::nanoseconds stop_time = std::chrono::seconds(5);
};

/// To the owner: output of the program. It is handled, and makes room in the window, when its
/// request is: `[&](request<port_data> m) {...}` in a receive, `void handle(port_data m)` in a
/// server.
struct port_data {
  using reply = void;
  pid port;
  std::string bytes;
  bool whole = true;  // false, of lines: it goes on in the next, or the output ends without a `\n`
};

/// To the port: input for the program. Answered when its pipe has taken all of it; fails with an
/// error `troupe::net::port_error` if its input is closed. Sent, not called, it is dropped then,
/// and its sender is held while max_input_bytes wait. (OTP: port_command.)
struct port_write {
  using reply = void;
  std::string bytes;
};
/// To the port: the end of the input, after all that was sent before. Output goes on.
struct port_close_input {
  using reply = void;
};

/// The exit reason of a port whose program ended by a signal, or with a status that is not 0. (With
/// status 0 the reason is normal.) Of several programs it is the last that failed so; one that
/// SIGPIPE ended because the next wanted no more has not failed. A status of -1 is not known,
/// because something else in this program waits for all children or ignores SIGCHLD.
struct port_ended {
  std::string program;
  int signal = 0;
  int status = 0;
  std::string text;  // for people: `grep ended with status 2`
  friend bool operator==(const port_ended&, const port_ended&) = default;
};

/// A port could not be started, was not understood, or has no input any more.
class port_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Starts programs whose output comes to the calling process, which owns the port.
///
///     const pid sorter = co_await start_port(self, {.commands = {{.program = "sort"}}});
///     co_await self.call(sorter, port_write{"b\na\n"});
///     co_await self.call(sorter, port_close_input{});
///     auto first = co_await self.receive<request<port_data>>();  // first->bytes == "a"
///
/// The process given stands for the programs: monitor it, link it, stop them through it.
/// - It ends when they have ended and the owner has handled all their output; see port_ended.
/// - An exit signal with a reason other than normal stops them: SIGTERM to their process group,
///   SIGKILL after stop_time; then it ends with that reason. `kill` kills them at once.
/// - It stops when the owner ends. When it has ended, the programs are gone, and so is what they
///   have started and left in their process group.
/// - If this OS process is killed, they are killed, too. (Linux: a parent-death signal, which does
///   not reach what they have started.)
///
/// An owner that waits for a write while the program waits for its output to be taken waits in
/// vain, as with all back-pressure: then write by `send_request`, or from another process.
///
/// Throws port_error: no such program, no such directory, no descriptor left. Not in a simulation.
/// (OTP: open_port with spawn_executable.)
[[nodiscard]] task<pid> start_port(context self, port_options options);

/// The same as a child of a supervisor, registered under its id. Its output goes to the owner,
/// which must be there when it starts; under rest_for_one, put the owner before it. (The default
/// stop time of the child is that of the port and some time for SIGKILL.)
[[nodiscard]] child_spec port_child(std::string id, destination owner, port_options options);

}  // namespace troupe::net
