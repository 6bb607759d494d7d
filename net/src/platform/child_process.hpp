#pragma once

#include <troupe/net/command.hpp>

#include <sys/types.h>

#include <optional>
#include <string>

#include "platform/descriptor.hpp"

namespace troupe::net {

/// How a child stands to this process.
struct child_ties {
  /// Its first three files; -1: no input, output and error of this process. Not owned.
  int input = -1;
  int output = -1;
  int error = -1;
  bool control = true;            ///< it has the other end of a socket pair
  pid_t group = 0;                ///< the process group that it joins; 0: one of its own
  bool dies_with_parent = false;  ///< see launch_ties
};

/// The program that runs now: by its path, so that a process list shows its name; by a link that
/// the kernel keeps if another file has that path now.
[[nodiscard]] std::string own_program();

/// How an OS process ended: by a signal, or else with a status.
struct child_end {
  int signal = 0;
  int status = 0;  ///< -1: other code of this process has reaped it, and its status is lost
};
/// As a person reads it: `ended with status 1`, `was ended by signal 9 (Killed)`.
[[nodiscard]] std::string to_string(const child_end& end);

/// An OS process that this one has started, and, if it is to have one, its control socket: one end
/// of a socket pair whose other end it has. For one thread at a time.
///
/// The child has no descriptor but the first three and the control socket; no signal is blocked or
/// ignored; it is in another process group than this process, so that the keyboard's SIGINT reaches
/// this process only, which then stops its children in order.
class child_process {
 public:
  /// Where the child finds its end of the control socket.
  static constexpr int control_number = 3;

  /// Starts it. Throws std::system_error: the text names the program and the reason.
  explicit child_process(const command& what, const child_ties& ties = {});
  /// A child that was not reaped yet is killed and reaped: when this returns, it is gone.
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  [[nodiscard]] pid_t id() const noexcept { return id_; }
  /// A descriptor that becomes readable when the child has ended: to wait for, not to read. Both
  /// this and `control` give a new descriptor at each call, and throw std::system_error without
  /// one.
  [[nodiscard]] descriptor end() const;
  /// This end of the control socket, if there is one; non-blocking. The child sees its end when the
  /// last one is closed.
  [[nodiscard]] descriptor control() const;
  /// Never reaches another process: not even when the child has ended and its id is used again.
  void send_signal(int number) noexcept;
  /// The same for all of the process group that the child leads: what it has started, too. Only
  /// while the child is not reaped: until then the group's number belongs to nobody else.
  void send_group_signal(int number) noexcept;
  /// How it ended, once it has; from then on it is reaped.
  [[nodiscard]] std::optional<child_end> try_reap() noexcept;

 private:
  pid_t id_ = -1;
  descriptor handle_;  // a pidfd
  descriptor control_;
  std::optional<child_end> end_;
};

}  // namespace troupe::net
