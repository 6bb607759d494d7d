#pragma once

#include <troupe/sim/simulation.hpp>

#include <cstddef>
#include <deque>
#include <vector>

namespace troupe::internal {
struct process_slot;
}

namespace troupe::sim::internal {

class lodging;

// A process that can run.
struct runnable {
  troupe::internal::process_slot* slot;
  lodging* at;
  std::uint64_t key;  // the same for all turns of a process, different for different ones
};

// Who has the next turn.
class chooser {
 public:
  // PCT: so many times in a run, at turns below the second number, the highest priority falls.
  static constexpr unsigned max_changes = 5;
  static constexpr std::uint64_t change_horizon = 20'000;
  // A starved process has one turn in so many that it could have.
  static constexpr std::uint64_t starvation = 1000;

  chooser(schedule how, std::uint64_t seed);
  [[nodiscard]] schedule how() const noexcept { return how_; }
  // An index into what can run, or its size: then the next event that is due has its turn, which is
  // only so if there is one. At least one of both is there.
  std::size_t pick(const std::deque<runnable>& ready, bool event_due);
  // How many messages the process may take before others have their turn.
  int budget();

 private:
  std::uint64_t priority(const runnable& r) const noexcept;
  bool starved(std::uint64_t key) const noexcept { return ((key ^ salt_) >> 7) % 8 == 0; }
  std::size_t pick_by_priority(const std::deque<runnable>& ready, bool event_due);
  std::size_t pick_but_starved(const std::deque<runnable>& ready, bool event_due);

  schedule how_;
  random draws_;
  std::uint64_t salt_;
  int budget_;
  std::uint64_t turns_ = 0;
  std::vector<std::uint64_t> changes_;  // turns at which the highest priority falls, last first
  std::vector<std::uint64_t> fallen_;   // keys, the lowest last
};

}  // namespace troupe::sim::internal
