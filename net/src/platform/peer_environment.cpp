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
#include <map>
#include <mutex>
#include <thread>

#include "platform/environment.hpp"

namespace troupe::net {
namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The connection to the parent.
struct parent_link {
  int read = -1;   // its end is the parent's end; -1: there is no parent
  int write = -1;  // for the announcement
  bool stdio = false;
  std::map<std::string, std::string> variables = {};  // sent by it
};

// A line of standard input without its end, nothing beyond it; empty at the end of the input.
std::string input_line() noexcept {
  std::string line;
  for (char c = 0;;) {
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || c == '\n' || line.size() == max_announcement_bytes) return line;
    line += c;
  }
}

parent_link link_by_stdio() noexcept {
  parent_link link{.read = STDIN_FILENO, .write = STDOUT_FILENO, .stdio = true};
  for (std::string line = input_line(); !line.empty(); line = input_line()) {
    const auto equals = std::min(line.find('='), line.size() - 1);
    link.variables[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return link;
}

// The inode tells the control socket from another file that has its number in a program that a peer
// has started as no peer.
parent_link find_link() noexcept {
  const char* const variable = std::getenv(control_variable);
  if (variable == nullptr) return {};
  const std::string_view text(variable);
  if (text == control_by_stdio) return link_by_stdio();
  const auto colon = std::min(text.find(':'), text.size() - 1);
  const auto number = number_of<int>(text.substr(0, colon));
  const auto inode = number_of<std::uint64_t>(text.substr(colon + 1));
  struct stat status{};
  if (!number || !inode || ::fstat(*number, &status) != 0 || !S_ISSOCK(status.st_mode) ||
      status.st_ino != *inode)
    return {};
  ::fcntl(*number, F_SETFD, FD_CLOEXEC);
  return {.read = *number, .write = *number};
}

// Of the OS process, as its environment is.
const parent_link& parent() noexcept {
  static const parent_link link = find_link();
  return link;
}
std::once_flag announced;

std::chrono::milliseconds stop_time() {
  constexpr std::int64_t otherwise = 5000;
  return std::chrono::milliseconds(
      number_of<std::int64_t>(environment_value(stop_variable)).value_or(otherwise));
}

void write_line(std::string line) noexcept {
  line.resize(std::min(line.size(), max_announcement_bytes - 1));
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  // It fits into the socket's buffer. Fails only if the parent is gone, which the watch sees.
  if (!parent().stdio) {
    (void)::send(parent().write, line.data(), line.size(), MSG_NOSIGNAL);
    return;
  }
  // What else the program has written may have no end of a line.
  line.insert(0, '\n' + std::string(announcement_mark));
  (void)!::write(parent().write, line.data(), line.size());
}

void watch_parent(std::chrono::milliseconds stop) {
  char byte = 0;
  ssize_t got = 0;
  do got = ::read(parent().read, &byte, 1);
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

bool is_peer() noexcept { return parent().read >= 0; }

const std::string* sent_variable(const std::string& name) {
  const auto& all = parent().variables;
  const auto at = all.find(name);
  return at == all.end() ? nullptr : &at->second;
}

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
