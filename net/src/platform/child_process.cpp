#include "platform/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

extern "C" {  // which the header of glibc 2.36 leaves out
#include <sys/pidfd.h>
}

namespace troupe::net {
namespace {

// How long the end of a killed child is waited for by who ends it. The kernel needs milliseconds,
// unless the child hangs in a device or a network file system.
constexpr int kill_wait_ms = 1000;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

descriptor copy_of(const descriptor& original) {
  descriptor copy(::fcntl(original.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) fail(errno, "no descriptor for a child (is the limit of open files reached?)");
  return copy;
}

// By its path, so that a process list shows its name; by the link if another file has that path
// now.
std::string own_program() {
  constexpr const char* link = "/proc/self/exe";
  std::error_code error;
  const auto path = std::filesystem::read_symlink(link, error);
  return !error && std::filesystem::equivalent(path, link, error) ? path.string() : link;
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

std::vector<std::string> merged_environment(std::map<std::string, std::string> added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!added.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// What the child does between its birth and its program.
class spawn_plan {
 public:
  explicit spawn_plan(const descriptor& control) {
    check(::posix_spawn_file_actions_init(&actions_));
    check(::posix_spawnattr_init(&attributes_));
    // First, as it may have the number 0. Onto its own number, the dup clears close-on-exec.
    constexpr int number = child_process::control_number;
    check(::posix_spawn_file_actions_adddup2(&actions_, control.get(), number));
    check(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, number + 1));

    sigset_t set;
    sigfillset(&set);
    check(::posix_spawnattr_setsigdefault(&attributes_, &set));
    sigemptyset(&set);
    check(::posix_spawnattr_setsigmask(&attributes_, &set));
    check(::posix_spawnattr_setpgroup(&attributes_, 0));
    check(::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  pid_t run(const std::string& program, std::vector<std::string> arguments,
            std::vector<std::string> environment) {
    pid_t id = -1;
    const int error = ::posix_spawnp(&id, program.c_str(), &actions_, &attributes_,
                                     pointers(arguments).data(), pointers(environment).data());
    if (error != 0) fail(error, "cannot run the program " + program);
    return id;
  }

 private:
  static void check(int error) {
    if (error != 0) fail(error, "cannot prepare the start of a program");
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

child_end as_end(const siginfo_t& info) noexcept {
  if (info.si_code == CLD_EXITED) return {0, info.si_status};
  return {info.si_status, 0};
}

}  // namespace

std::string to_string(const child_end& end) {
  if (end.signal == 0) return "ended with status " + std::to_string(end.status);
  const char* const name = ::sigdescr_np(end.signal);
  return "was ended by signal " + std::to_string(end.signal) + " (" +
         (name != nullptr ? name : "unknown") + ")";
}

child_process::child_process(const child_command& command) {
  socket_pair sockets = make_control();
  const std::string program = command.program.empty() ? own_program() : command.program;
  std::vector<std::string> arguments{program};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  auto environment = command.environment;
  environment[control_variable] = control_value(sockets.childs);

  id_ = spawn_plan(sockets.childs)
            .run(program, std::move(arguments), merged_environment(std::move(environment)));
  handle_ = descriptor(::pidfd_open(id_, 0));
  if (!handle_) {
    const int error = errno;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    fail(error, "no handle on the program " + program + ", which was started and is killed again");
  }
  control_ = std::move(sockets.ours);
}

child_process::~child_process() {
  if (end_) return;
  send_signal(SIGKILL);
  pollfd wait{handle_.get(), POLLIN, 0};
  while (::poll(&wait, 1, kill_wait_ms) < 0 && errno == EINTR) {
  }
  if (try_reap()) return;
  // It hangs in the kernel. Whoever waits here must not, and it must not stay a zombie afterwards.
  std::thread([handle = std::move(handle_)] {
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(handle.get()), &info, WEXITED);
  }).detach();
}

descriptor child_process::end() const { return copy_of(handle_); }
descriptor child_process::control() const { return copy_of(control_); }

void child_process::send_signal(int number) noexcept {
  if (!end_) ::pidfd_send_signal(handle_.get(), number, nullptr, 0);
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
