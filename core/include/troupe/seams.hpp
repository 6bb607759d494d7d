#pragma once
// What the runtime asks of the world. Each has a real implementation and a simulated one, and no
// code above the platform layer reads the time, draws a number or waits in any other way.

#include <troupe/signals.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace troupe {

/// The time. Any thread.
class clock {
 public:
  virtual ~clock() = default;
  [[nodiscard]] virtual steady_time now() const noexcept = 0;
  /// The same, or up to lag() earlier, and cheaper.
  [[nodiscard]] virtual steady_time coarse() const noexcept { return now(); }
  [[nodiscard]] virtual std::chrono::nanoseconds lag() const noexcept { return {}; }
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const noexcept = 0;
};

/// Randomness, of two separate kinds. Any thread.
class entropy {
 public:
  virtual ~entropy() = default;
  /// Bits that nobody can predict: nonces, incarnations.
  virtual void secret(std::span<std::byte> out) = 0;
  /// Fast bits for jitter and balancing; never for secrets.
  [[nodiscard]] virtual std::uint64_t cheap() noexcept = 0;
};

enum class log_level : std::uint8_t { debug, info, warning, error };

/// What happened, in words and as data. (OTP: log events that carry a report.)
struct report {
  struct field {
    std::string_view name;
    std::variant<std::string, std::uint64_t> value;
  };
  log_level level = log_level::info;
  /// "crash_report": process, name, behaviour, reason, reason_type, parent, last_message, mailbox,
  /// links. "supervisor_report": supervisor, name, context (start_error, child_terminated,
  /// shutdown_error or reached_max_restart_intensity, as in OTP), child, process, reason,
  /// reason_type, restart. A reason_type is what was thrown, or the word for what was not.
  std::string_view kind;
  std::string_view text;  // the same in words
  std::span<const field> fields;
};

/// Where the log goes. Any thread; must not call back into the system.
class log_sink {
 public:
  virtual ~log_sink() = default;
  virtual void write(log_level level, std::string_view text) noexcept = 0;
  /// Unless a sink keeps the data, a report is its text.
  virtual void write_report(const report& what) noexcept { write(what.level, what.text); }
};

/// Something to wait for besides the run queues: the sockets, when a node is attached. At most one
/// idle worker waits in it at a time, so what arrives is handled on the thread that woke up.
class poller {
 public:
  virtual ~poller() = default;
  /// Runs what is ready; waits up to `limit` for the first if nothing is. One thread at a time.
  virtual void poll(std::chrono::nanoseconds limit) noexcept = 0;
  /// Makes a `poll` that waits return soon. Any thread.
  virtual void interrupt() noexcept = 0;
};

/// The real ones: the operating system's clocks, OpenSSL-grade random bytes, standard error.
[[nodiscard]] std::shared_ptr<clock> make_real_clock();
[[nodiscard]] std::shared_ptr<entropy> make_real_entropy();
[[nodiscard]] std::shared_ptr<log_sink> make_stderr_log(log_level lowest);
/// The log for machines: a JSON object on each line, with `time` (UTC), `level`, `text`, and of a
/// report its `report` (the kind) and fields. Appended to the file, or on standard error if none is
/// named. Throws std::runtime_error if the file cannot be opened.
[[nodiscard]] std::shared_ptr<log_sink> make_json_log(log_level lowest,
                                                      const std::string& file = {});

}  // namespace troupe
