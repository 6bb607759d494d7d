#pragma once
// What the tests of core share: a system that is audited when its test ends, and a log to look
// into.

#include <troupe/troupe.hpp>

#include "runtime/engine.hpp"
#include "support/catch.hpp"
#include "support/surroundings.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace troupe_test {

using namespace std::chrono_literals;

// Keeps what is logged.
class recorded_log final : public troupe::log_sink {
 public:
  void write(troupe::log_level level, std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    entries_.emplace_back(level, text);
  }
  // All texts of that level or a higher one, one a line.
  [[nodiscard]] std::string text(troupe::log_level lowest = troupe::log_level::warning) const {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& [level, text] : entries_)
      if (level >= lowest) all += text + '\n';
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<troupe::log_level, std::string>> entries_;
};

// A system for one test. When the test is over all its processes are killed, and then nothing may
// be left: no process, timer, link, monitor or name.
class checked_system {
 public:
  explicit checked_system(troupe::system_options options = {})
      : log(std::make_shared<recorded_log>()),
        system_(lodging_.options(with_log(std::move(options), log))) {}
  ~checked_system() {
    system_.home().table.each(
        [this](troupe::pid p) { system_.exit(p, troupe::exit_reason::kill); });
    await_counts({});
    // Of each message it is known what became of it.
    (void)comes_true([&] { return system_.message_counts().queued() == 0; });
    CHECK(system_.message_counts().queued() == 0);
    CHECK(system_.message_counts().queued_bytes == 0);
  }
  checked_system(const checked_system&) = delete;
  checked_system& operator=(const checked_system&) = delete;

  troupe::system* operator->() noexcept { return &system_; }
  troupe::system& operator*() noexcept { return system_; }

  // Waits until that much is left, whatever was dropped, and checks that it comes to that.
  void await_counts(troupe::system_counts wanted) {
    troupe::system_counts now;
    (void)comes_true([&] {
      now = system_.counts();
      wanted.messages_dropped = now.messages_dropped;
      return now == wanted;
    });
    CHECK(now.processes == wanted.processes);
    CHECK(now.timers == wanted.timers);
    CHECK(now.links == wanted.links);
    CHECK(now.monitors == wanted.monitors);
    CHECK(now.names == wanted.names);
  }

  const std::shared_ptr<recorded_log> log;

 private:
  static troupe::system_options with_log(troupe::system_options options,
                                         const std::shared_ptr<recorded_log>& to) {
    if (options.log == nullptr) options.log = to;
    return options;
  }
  lodging lodging_;
  troupe::system system_;
};

// Waits for the end of a process, which may have ended before.
inline troupe::task<troupe::exit_reason> end_of(troupe::context self, troupe::pid process) {
  const troupe::monitor_ref ref = self.monitor(process);
  troupe::down ended =
      co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == ref; });
  co_return std::move(ended.reason);
}

// The same, having killed it.
inline troupe::task<troupe::exit_reason> killed(troupe::context self, troupe::pid process) {
  const troupe::monitor_ref ref = self.monitor(process);
  self.exit(process, troupe::exit_reason::kill);
  troupe::down ended =
      co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == ref; });
  co_return std::move(ended.reason);
}

// Has the process answered, so that all that was sent to it before has taken effect?
struct are_you_there {
  using reply = void;
};

// Takes any message and lives until it is ended.
inline troupe::process idler(troupe::context self) {
  for (;;)
    co_await self.receive([](troupe::request<are_you_there> r) { r.reply(); },
                          [](troupe::message) {});
}

// The same, but exit signals are messages to it.
inline troupe::process trapping_idler(troupe::context self) {
  self.trap_exits(true);
  for (;;)
    co_await self.receive([](troupe::request<are_you_there> r) { r.reply(); },
                          [](troupe::message) {});
}

// Counts its living copies, so that a test sees that nothing is leaked or destroyed twice.
struct tracked {
  explicit tracked(std::atomic<int>& living) : count(&living) { ++*count; }
  tracked(const tracked& other) : count(other.count) { ++*count; }
  tracked(tracked&& other) noexcept : count(other.count) { ++*count; }
  tracked& operator=(const tracked&) = default;
  ~tracked() { --*count; }
  std::atomic<int>* count;
};

}  // namespace troupe_test
