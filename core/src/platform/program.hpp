#pragma once
// What a whole program has once: its environment, its files, and the signals that ask it to stop.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace troupe::internal {

// Each as NAME=value.
[[nodiscard]] std::vector<std::string> read_environment();
// The whole file; nothing, with the reason in `failure`, if it cannot be read.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path, std::string& failure);
// Ends the program here, without destructors.
[[noreturn]] void end_program(int code) noexcept;

// While it lives SIGTERM and SIGINT wake the thread that waits; the second one of them ends the
// program, as it would without this. One at a time.
class stop_signals {
 public:
  stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  ~stop_signals();

  // Any thread: makes `wait` give 0.
  void wake() noexcept;
  // The number of the signal, 0 after `wake`, or nothing after the limit.
  std::optional<int> wait(std::chrono::nanoseconds limit);

 private:
  int pipe_[2];
};

}  // namespace troupe::internal
