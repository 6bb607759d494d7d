#include "platform/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "platform/launch.hpp"
#include "platform/peer_environment.hpp"
#include "platform/pipe.hpp"

extern "C" {  // which the header of glibc 2.36 leaves out
#include <sys/pidfd.h>
}

namespace troupe::net {
namespace {

// How long the end of a killed child is waited for by who ends it. The kernel needs milliseconds,
// on a busy machine more, unless the child hangs in a device or a network file system.
constexpr int kill_wait_ms = 3000;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

struct socket_pair {
  descriptor ours;
  descriptor childs;
};

socket_pair make_control() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    fail(errno, "no socket pair for the child (is the limit of open files reached?)");
  socket_pair made{descriptor(ends[0]), descriptor(ends[1])};
  if (::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK) != 0)
    fail(errno, "the control socket does not become non-blocking");
  return made;
}

std::string control_value(const descriptor& childs) {
  struct stat status{};
  if (::fstat(childs.get(), &status) != 0) fail(errno, "the control socket has no status");
  return std::to_string(child_process::control_number) + ":" + std::to_string(status.st_ino);
}

void wait_for(const descriptor& handle, int limit_ms) noexcept {
  pollfd wait{handle.get(), POLLIN, 0};
  while (::poll(&wait, 1, limit_ms) < 0 && errno == EINTR) {
  }
}

child_end as_end(const siginfo_t& info) noexcept {
  if (info.si_code == CLD_EXITED) return {0, info.si_status};
  return {info.si_status, 0};
}

}  // namespace

std::string own_program() {
  constexpr const char* link = "/proc/self/exe";
  std::error_code error;
  const auto path = std::filesystem::read_symlink(link, error);
  return !error && std::filesystem::equivalent(path, link, error) ? path.string() : link;
}

std::string to_string(const child_end& end) {
  if (end.signal == 0) return "ended with status " + std::to_string(end.status);
  const char* const name = ::sigdescr_np(end.signal);
  return "was ended by signal " + std::to_string(end.signal) + " (" +
         (name != nullptr ? name : "unknown") + ")";
}

child_process::child_process(const command& what, const child_ties& ties) {
  command program = what;
  if (program.program.empty()) program.program = own_program();
  std::vector<given_file> files;
  const descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing) fail(errno, "no /dev/null for a program to read");
  files.push_back({STDIN_FILENO, ties.input >= 0 ? ties.input : nothing.get()});
  if (ties.output >= 0) files.push_back({STDOUT_FILENO, ties.output});
  if (ties.error >= 0) files.push_back({STDERR_FILENO, ties.error});
  socket_pair sockets;
  if (ties.control) {
    sockets = make_control();
    program.environment[control_variable] = control_value(sockets.childs);
    files.push_back({control_number, sockets.childs.get()});
  }

  id_ = launch(program, {files, ties.group, ties.dies_with_parent});
  handle_ = descriptor(::pidfd_open(id_, 0));
  if (!handle_) {
    const int error = errno;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    fail(error,
         "no handle on the program " + program.program + ", which was started and is killed again");
  }
  control_ = std::move(sockets.ours);
}

child_process::~child_process() {
  if (end_) return;
  send_signal(SIGKILL);
  wait_for(handle_, kill_wait_ms);
  if (try_reap()) return;
  // It hangs in the kernel. Whoever waits here must not, and it must not stay a zombie afterwards.
  // The handle does not block: those who wait for the end may have made it so.
  std::thread([handle = std::move(handle_)] {
    wait_for(handle, -1);
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(handle.get()), &info, WEXITED | WNOHANG);
  }).detach();
}

descriptor child_process::end() const { return copy_of(handle_); }
descriptor child_process::control() const { return copy_of(control_); }

void child_process::send_signal(int number) noexcept {
  if (!end_) ::pidfd_send_signal(handle_.get(), number, nullptr, 0);
}

void child_process::send_group_signal(int number) noexcept {
  if (!end_) ::kill(-id_, number);
}

std::optional<child_end> child_process::try_reap() noexcept {
  if (end_) return end_;
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(handle_.get()), &info, WEXITED | WNOHANG) != 0)
    end_ = child_end{0, -1};
  else if (info.si_pid != 0)
    end_ = as_end(info);
  return end_;
}

}  // namespace troupe::net
