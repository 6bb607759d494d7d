#pragma once
// What tests look at in the operating system, and how they wait for it.

#include <troupe/troupe.hpp>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "platform/descriptor.hpp"
#include "support/catch.hpp"
#include "support/surroundings.hpp"

extern "C" {  // which the header of glibc 2.36 leaves out
#include <sys/pidfd.h>
}

namespace troupe_test {

// Whether this program has a child in the operating system, be it as a zombie.
inline bool has_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

// Waits for it; a machine may be too busy to end a killed process at once.
inline bool no_child_is_left() {
  return comes_true([] { return !has_child(); });
}

inline std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// An OS process that is nobody's child here.
struct foreign_process {
  explicit foreign_process(int id) : handle(::pidfd_open(id, 0)) { REQUIRE(handle); }
  // Waits for it.
  [[nodiscard]] bool ends() const {
    constexpr int limit_ms = 30'000;
    pollfd wait{handle.get(), POLLIN, 0};
    return ::poll(&wait, 1, limit_ms) == 1;
  }
  troupe::net::descriptor handle;
};

template <class Condition>
troupe::task<bool> comes_true(troupe::context self, Condition condition) {
  const auto limit = self.now() + std::chrono::seconds(30);
  while (!condition()) {
    if (self.now() > limit) co_return false;
    co_await self.yield();
  }
  co_return true;
}

// The end of a process; `ask` is what brings it about.
template <class Ask>
troupe::task<troupe::exit_reason> end_of(troupe::context self, troupe::pid process, Ask ask) {
  const auto ref = self.monitor(process);
  ask();
  const auto ended =
      co_await self.receive<troupe::down>([ref](const troupe::down& d) { return d.ref == ref; });
  co_return ended.reason;
}

}  // namespace troupe_test
