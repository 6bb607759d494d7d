#include "platform/peer_environment.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <troupe/net/peer.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "platform/child_process.hpp"

namespace troupe::net {
namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The control socket, or -1. The inode tells it from another file that has its number in a program
// that a peer has started as no peer.
int find_control() noexcept {
  const char* const variable = std::getenv(child_process::control_variable);
  if (variable == nullptr) return -1;
  const std::string_view text(variable);
  const auto colon = std::min(text.find(':'), text.size() - 1);
  const auto number = number_of<int>(text.substr(0, colon));
  const auto inode = number_of<std::uint64_t>(text.substr(colon + 1));
  struct stat status{};
  if (!number || !inode || ::fstat(*number, &status) != 0 || !S_ISSOCK(status.st_mode) ||
      status.st_ino != *inode)
    return -1;
  ::fcntl(*number, F_SETFD, FD_CLOEXEC);
  return *number;
}

// Of the OS process, as its environment is.
int control() noexcept {
  static const int number = find_control();
  return number;
}
std::once_flag announced;

std::chrono::milliseconds stop_time() noexcept {
  constexpr std::int64_t otherwise = 5000;
  const char* const variable = std::getenv(stop_variable);
  return std::chrono::milliseconds(
      variable == nullptr ? otherwise : number_of<std::int64_t>(variable).value_or(otherwise));
}

void write_line(std::string line) noexcept {
  line.resize(std::min(line.size(), max_announcement_bytes - 1));
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  // It fits into the socket's buffer. Fails only if the parent is gone, which the watch sees.
  (void)::send(control(), line.data(), line.size(), MSG_NOSIGNAL);
}

void watch_parent(std::chrono::milliseconds stop) {
  char byte = 0;
  ssize_t got = 0;
  do got = ::read(control(), &byte, 1);
  while (got > 0 || (got < 0 && errno == EINTR));
  ::kill(::getpid(), SIGTERM);
  std::this_thread::sleep_for(stop);
  ::_exit(EXIT_FAILURE);
}

// A thread of its own, so that a peer whose workers hang ends too. It takes no signals: those are
// for the program's own threads.
void start_watch() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(watch_parent, stop_time()).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

bool is_peer() noexcept { return control() >= 0; }

void announce_peer(std::string_view name, std::uint64_t incarnation) {
  if (!is_peer()) return;
  std::call_once(announced, [&] {
    write_line("node " + std::string(name) + " " + std::to_string(incarnation));
    start_watch();
  });
}

void announce_peer_failure(std::string_view why) {
  if (!is_peer()) return;
  std::call_once(announced, [&] { write_line("error " + std::string(why)); });
}

std::optional<peer_announcement> read_announcement(std::string_view line) {
  constexpr std::string_view error = "error ";
  constexpr std::string_view node = "node ";
  if (line.starts_with(error))
    return peer_announcement{{}, 0, std::string(line.substr(error.size()))};
  const auto blank = line.rfind(' ');
  if (!line.starts_with(node) || blank <= node.size()) return std::nullopt;
  const auto incarnation = number_of<std::uint64_t>(line.substr(blank + 1));
  if (!incarnation) return std::nullopt;
  return peer_announcement{
      std::string(line.substr(node.size(), blank - node.size())), *incarnation, {}};
}

}  // namespace troupe::net
