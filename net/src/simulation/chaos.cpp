// What goes wrong by itself in a world: when, to whom and for how long is decided by the seed.
#include <troupe/net/sim.hpp>

#include "simulation/network.hpp"

#include <algorithm>

namespace troupe::sim {

using namespace std::chrono_literals;

namespace {
constexpr auto shortest = 1ms;
}

void world::chaos(chaos_options options) {
  chaos_ = std::move(options);
  faults_.clear();
  const auto add = [&](std::chrono::nanoseconds mean, void (world::*strike)()) {
    if (mean > 0ns) faults_.push_back({later(now(), some_time(mean)), mean, strike});
  };
  add(chaos_.partition, &world::strike_partition);
  add(chaos_.one_way, &world::strike_one_way);
  add(chaos_.stall, &world::strike_stall);
  add(chaos_.cut, &world::strike_cut);
  add(chaos_.pause, &world::strike_pause);
  add(chaos_.crash, &world::strike_crash);
  add(chaos_.clock_jump, &world::strike_clock);
}

// Up to twice the mean.
std::chrono::nanoseconds world::some_time(std::chrono::nanoseconds mean) {
  return draws_.between(shortest, 2 * mean);
}

void world::inject() {
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].next > now()) continue;
    faults_[i].next = later(now(), some_time(faults_[i].mean));
    (this->*faults_[i].strike)();
  }
}

void world::end_later(std::function<void()> end) {
  // Short and long ones: what matters is on which side of the limits of the protocol they end.
  const auto longest = draws_.one_in(2) ? chaos_.longest : chaos_.longest / 16;
  ends_.emplace_back(later(now(), draws_.between(shortest, longest)), std::move(end));
}

void world::end_faults_due() {
  for (std::size_t i = 0; i < ends_.size();) {
    if (ends_[i].first > now()) {
      ++i;
      continue;
    }
    const auto end = std::move(ends_[i].second);
    ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(i));
    end();
  }
}

sim_node* world::some_node(bool must_be_up) {
  if (nodes_.empty()) return nullptr;
  sim_node* const n = nodes_[draws_.below(nodes_.size())].get();
  return must_be_up && !n->up() ? nullptr : n;
}

std::pair<sim_node*, sim_node*> world::some_pair() {
  sim_node* const a = some_node(false);
  sim_node* const b = some_node(false);
  return a == b ? std::pair<sim_node*, sim_node*>() : std::pair(a, b);
}

void world::strike_partition() {
  std::vector<sim_node*> some;
  std::vector<sim_node*> others;
  for (const auto& n : nodes_) (draws_.one_in(2) ? some : others).push_back(n.get());
  if (some.empty() || others.empty()) return;
  partition(some, others);
  end_later([this, some, others] {
    sim_.note("a partition ends");
    block(some, others, false);
  });
}

void world::strike_one_way() {
  const auto [a, b] = some_pair();
  if (a == nullptr) return;
  partition_one_way(*a, *b);
  end_later([this, from = a, to = b] {
    sim_.note("it passes again from " + from->label_ + " to " + to->label_);
    network_->block(from->index_, to->index_, false);
  });
}

void world::strike_stall() {
  const auto [a, b] = some_pair();
  if (a != nullptr) stall(*a, *b, draws_.between(shortest, chaos_.longest));
}

void world::strike_cut() {
  const auto [a, b] = some_pair();
  if (a != nullptr) cut(*a, *b);
}

void world::strike_pause() {
  sim_node* const n = some_node(true);
  if (n == nullptr || n->machine().paused()) return;
  pause(*n);
  // Its next life, if it crashes meanwhile, is not paused.
  end_later([this, n, life = n->life_.get()] {
    if (n->life_.get() == life) resume(*n);
  });
}

void world::strike_crash() {
  sim_node* const n = some_node(true);
  if (n == nullptr) return;
  if (!chaos_.may_crash.empty() && std::find(chaos_.may_crash.begin(), chaos_.may_crash.end(),
                                             n->label_) == chaos_.may_crash.end())
    return;
  crash(*n, draws_.one_in(3));
  end_later([this, n] {
    if (!n->up()) restart(*n);
  });
}

void world::strike_clock() {
  sim_node* const n = some_node(true);
  if (n == nullptr) return;
  const auto by = draws_.between(0ns, 24h) * (draws_.one_in(2) ? 1 : -1);
  sim_.note("the wall clock of " + n->label_ + " jumps");
  n->machine().move_wall_clock(by);
}

}  // namespace troupe::sim
