#include "simulation/choice.hpp"

#include "runtime/running.hpp"

#include <algorithm>

namespace troupe::sim::internal {

namespace {
constexpr std::uint64_t events_key = 0x5bd1e995;  // events have a priority like a process
}

chooser::chooser(schedule how, std::uint64_t seed)
    : how_(how), draws_(seed, "schedule"), salt_(draws_.next()) {
  if (how_ == schedule::by_seed) {
    // Uniform finds most; the others find what it rarely does.
    constexpr schedule all[] = {schedule::uniform, schedule::uniform, schedule::in_order,
                                schedule::priorities, schedule::starve};
    how_ = all[draws_.below(std::size(all))];
  }
  // One message a turn gives most orders; a whole share a turn is what production does.
  budget_ = draws_.one_in(3) ? troupe::internal::turn_budget : 1;
  const std::uint64_t changes = 1 + draws_.below(max_changes);
  for (std::uint64_t i = 0; i < changes; ++i) changes_.push_back(draws_.below(change_horizon));
  std::sort(changes_.rbegin(), changes_.rend());
}

int chooser::budget() { return budget_; }

std::uint64_t chooser::priority(const runnable& r) const noexcept {
  const auto fallen = std::find(fallen_.begin(), fallen_.end(), r.key);
  if (fallen != fallen_.end()) return static_cast<std::uint64_t>(fallen_.end() - fallen);
  std::uint64_t x = (r.key ^ salt_) * 0x9e3779b97f4a7c15u;
  return (x ^ (x >> 32)) | (std::uint64_t{1} << 63);
}

std::size_t chooser::pick_by_priority(const std::deque<runnable>& ready, bool event_due) {
  const auto highest = [&] {
    std::size_t best = ready.size();
    std::uint64_t level = event_due ? priority({nullptr, nullptr, events_key}) : 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
      const std::uint64_t mine = priority(ready[i]);
      if (best < ready.size() || event_due ? mine > level : true) {
        best = i;
        level = mine;
      }
    }
    return best;
  };
  std::size_t best = highest();
  if (!changes_.empty() && turns_ >= changes_.back()) {
    changes_.pop_back();
    fallen_.push_back(best == ready.size() ? events_key : ready[best].key);
    best = highest();
  }
  // Who never waits would keep all others from running for ever, which no real machine does.
  if (draws_.one_in(64)) {
    const std::size_t any = draws_.below(ready.size() + (event_due ? 1 : 0));
    return any;
  }
  return best;
}

std::size_t chooser::pick_but_starved(const std::deque<runnable>& ready, bool event_due) {
  const std::size_t all = ready.size() + (event_due ? 1 : 0);
  std::size_t any = 0;
  for (int tries = 0; tries < 8; ++tries) {
    any = draws_.below(all);
    if (any == ready.size() || !starved(ready[any].key) || draws_.one_in(starvation)) break;
  }
  return any;
}

std::size_t chooser::pick(const std::deque<runnable>& ready, bool event_due) {
  ++turns_;
  if (ready.empty()) return 0;
  switch (how_) {
    case schedule::in_order: return event_due ? ready.size() : 0;
    case schedule::priorities: return pick_by_priority(ready, event_due);
    case schedule::starve: return pick_but_starved(ready, event_due);
    case schedule::by_seed:
    case schedule::uniform: break;
  }
  return draws_.below(ready.size() + (event_due ? 1 : 0));
}

}  // namespace troupe::sim::internal
