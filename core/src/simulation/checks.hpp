#pragma once

#include "runtime/engine.hpp"

#include <set>
#include <string>
#include <unordered_map>

namespace troupe::sim::internal {

using troupe::internal::engine;
using troupe::internal::message_node;

// What must hold in one system at all times, and what must hold whenever all its mail is read.
// Each function gives the text of what is broken, or nothing.
class checks {
 public:
  std::string spawned(pid process);
  std::string sent(pid from, pid to, const message_node& node);
  std::string dropped(const message_node& node);
  std::string received(pid by, const message_node& node);
  // Of the running process, before others are told.
  std::string ended(pid process);
  // Nothing can run, and no mail is on its way to a process here.
  [[nodiscard]] std::string at_rest(engine& home) const;
  // All processes have ended.
  [[nodiscard]] std::string at_end() const;

 private:
  // Of each caller the references of so many last calls that were answered are known.
  static constexpr std::size_t answers_known = 1024;
  struct travelling {
    pid from;
    pid to;
    std::uint64_t number;  // among those of this pair
  };
  struct pair_state {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t linked_exits = 0;
  };
  std::string answered(pid caller, const message_node& node);
  // Looked up only, never walked: their order is that of addresses.
  std::unordered_map<const message_node*, travelling> travelling_;
  std::unordered_map<pid, std::unordered_map<pid, pair_state>> pairs_;  // by receiver, by sender
  std::unordered_map<pid, std::set<std::uint64_t>> answered_;           // references, by caller
  std::unordered_map<std::uint32_t, std::uint32_t> generations_;        // the last, by slot
};

}  // namespace troupe::sim::internal
