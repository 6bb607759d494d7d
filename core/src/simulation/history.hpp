#pragma once

#include <troupe/message.hpp>
#include <troupe/pid.hpp>
#include <troupe/signals.hpp>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::sim::internal {

enum class happening : std::uint8_t {
  turn,
  event,
  spawned,
  sent,
  received,
  dropped,
  ended,
  note,
  sent_away
};

// What happened in a run: its hash, and the last of it for people to read.
class history {
 public:
  explicit history(std::size_t length) : length_(length) {}

  void add(steady_time when, happening what, std::uint32_t host, pid who, pid other,
           const message_type* type);
  // The same with words of its own. They are not part of the hash: they may name types as a
  // compiler does.
  void add_text(steady_time when, happening what, std::uint32_t host, pid who, pid other,
                std::string text, const message_type* type = nullptr);
  void mix(std::uint64_t value) noexcept;

  void name_host(std::uint32_t host, std::string name);
  void name_process(std::uint32_t host, pid who, std::string_view behaviour);

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::string diagram(std::size_t lines) const;
  [[nodiscard]] std::string trace_json() const;

  // The hash after each event, if wanted; and those of another run to compare with.
  bool recording = false;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint64_t> expected;
  // The number of the first event that differs from the expected ones, or 0.
  [[nodiscard]] std::uint64_t differs() const noexcept { return differs_; }

 private:
  struct entry {
    steady_time when;
    happening what;
    std::uint32_t host;
    pid who;
    pid other;
    const message_type* type;
    std::string text;
  };
  void keep(entry e);
  std::uint64_t type_hash(const message_type* type);
  [[nodiscard]] std::string process_text(std::uint32_t host, pid who) const;
  [[nodiscard]] std::string line(const entry& e) const;

  std::size_t length_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::uint64_t count_ = 0;
  std::uint64_t differs_ = 0;
  std::deque<entry> entries_;
  std::vector<std::string> hosts_;
  std::vector<std::unordered_map<pid, std::string>> processes_;    // by host; looked up only
  std::unordered_map<const message_type*, std::uint64_t> hashes_;  // of names; looked up only
};

[[nodiscard]] std::string time_text(steady_time when);

}  // namespace troupe::sim::internal
