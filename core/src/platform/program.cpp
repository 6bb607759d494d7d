#include "platform/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

extern char** environ;  // NOLINT(*-redundant-declaration): POSIX has the program declare it

namespace troupe::internal {
namespace {

// Where the handler writes; a handler can reach nothing else.
std::atomic<int> signal_pipe{-1};

void on_stop_signal(int number) {
  const int saved = errno;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  const auto byte = static_cast<unsigned char>(number);
  if (const int to = signal_pipe; to >= 0) (void)!::write(to, &byte, 1);
  errno = saved;
}

}  // namespace

std::vector<std::string> read_environment() {
  std::vector<std::string> all;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) all.emplace_back(*at);
  return all;
}

std::optional<std::string> read_file(const std::string& path, std::string& failure) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file && (file.peek() == std::ifstream::traits_type::eof() || text << file.rdbuf()) &&
      !file.bad())
    return text.str();
  failure = errno != 0 ? std::strerror(errno) : "it cannot be read";
  return {};
}

void end_program(int code) noexcept { std::_Exit(code); }

stop_signals::stop_signals() {
  if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0)
    throw std::system_error(errno, std::generic_category(), "troupe: no pipe for signals");
  signal_pipe = pipe_[1];
  std::signal(SIGTERM, on_stop_signal);
  std::signal(SIGINT, on_stop_signal);
}

stop_signals::~stop_signals() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  signal_pipe = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

void stop_signals::wake() noexcept {
  const unsigned char byte = 0;
  (void)!::write(pipe_[1], &byte, 1);
}

std::optional<int> stop_signals::wait(std::chrono::nanoseconds limit) {
  const bool for_ever = limit == std::chrono::nanoseconds::max();
  const auto until = std::chrono::steady_clock::now() + (for_ever ? std::chrono::hours(1) : limit);
  for (;;) {
    unsigned char byte = 0;
    if (::read(pipe_[0], &byte, 1) == 1) return byte;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (!for_ever && left.count() <= 0) return {};
    pollfd ready{pipe_[0], POLLIN, 0};
    constexpr std::int64_t longest = std::numeric_limits<int>::max();
    (void)::poll(&ready, 1, for_ever ? -1 : static_cast<int>(std::min(left.count(), longest)));
  }
}

}  // namespace troupe::internal
