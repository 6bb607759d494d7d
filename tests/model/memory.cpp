#include "model/memory.hpp"

#include <algorithm>

namespace troupe::model {
namespace {

bool acquires(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
bool releases(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

constexpr clock seen_by_none{{never, never, never, never, never, never, never, never}};

}  // namespace

memory::location& memory::make(std::size_t by, const clock& now) {
  if (used_ == all_.size()) all_.emplace_back();
  location& l = all_[used_++];
  l.alive = true;
  l.newest_sequential = 0;
  l.written = clock{};
  l.written.of[by] = now.of[by];
  l.read = clock{};
  l.stores.clear();
  return l;
}

location_id memory::make_atomic(bits initial, std::size_t by, clock& now) {
  location& l = make(by, now);
  l.stores.push_back({initial, {}, seen_by_none});
  l.stores.back().seen.of[by] = now.of[by];
  return static_cast<location_id>(used_ - 1);
}

location_id memory::make_plain(std::size_t by, const clock& now) {
  make(by, now);
  return static_cast<location_id>(used_ - 1);
}

const char* memory::destroy(location_id which, std::size_t by, const clock& now) noexcept {
  if (const char* wrong = touch(which, by, now)) return wrong;
  location& l = all_[which];
  if (!now.covers(l.read)) return "destroyed while another thread may be using it";
  l.alive = false;
  return nullptr;
}

const char* memory::touch(location_id which, std::size_t by, const clock& now) noexcept {
  location& l = all_[which];
  if (!l.alive) return "used after it was destroyed";
  if (!now.covers(l.written))
    return l.stores.empty() ? "data race: another thread's write did not happen before"
                            : "used by a thread for which its construction did not happen before";
  l.read.of[by] = now.of[by];
  return nullptr;
}

const char* memory::read_plain(location_id which, std::size_t by, const clock& now) noexcept {
  return touch(which, by, now);
}

const char* memory::write_plain(location_id which, std::size_t by, const clock& now) noexcept {
  if (const char* wrong = touch(which, by, now)) return wrong;
  location& l = all_[which];
  if (!now.covers(l.read)) return "data race: another thread's read did not happen before";
  l.written = clock{};
  l.written.of[by] = now.of[by];
  l.read = clock{};
  return nullptr;
}

std::size_t memory::oldest_visible(const location& l, std::memory_order order,
                                   const clock& now) const noexcept {
  std::size_t oldest = l.stores.size() - 1;
  while (oldest > 0 && !now.covers_any(l.stores[oldest].seen)) --oldest;
  return order == std::memory_order_seq_cst ? std::max(oldest, l.newest_sequential) : oldest;
}

bits memory::see(location& l, std::size_t index, std::memory_order order, std::size_t by,
                 clock& now) {
  stored& s = l.stores[index];
  s.seen.of[by] = std::min(s.seen.of[by], now.of[by]);
  if (acquires(order)) now.join(s.released);
  if (order == std::memory_order_seq_cst)
    l.newest_sequential = std::max(l.newest_sequential, index);
  return s.value;
}

memory::loaded memory::load(location_id which, std::memory_order order, std::size_t by, clock& now,
                            choices& from) {
  if (const char* wrong = touch(which, by, now)) return {0, wrong};
  location& l = all_[which];
  const std::size_t newest = l.stores.size() - 1;
  const std::size_t chosen = newest - from.choose(newest - oldest_visible(l, order, now) + 1);
  return {see(l, chosen, order, by, now), nullptr};
}

const char* memory::store(location_id which, bits value, std::memory_order order, std::size_t by,
                          clock& now) {
  if (const char* wrong = touch(which, by, now)) return wrong;
  append(which, value, order, by, now, false);
  return nullptr;
}

void memory::append(location_id which, bits value, std::memory_order order, std::size_t by,
                    clock& now, bool continues) {
  location& l = all_[which];
  if (continues) see(l, l.stores.size() - 1, order, by, now);
  clock released = continues ? l.stores.back().released : clock{};
  if (releases(order)) released.join(now);
  l.stores.push_back({value, released, seen_by_none});
  l.stores.back().seen.of[by] = now.of[by];
  if (order == std::memory_order_seq_cst) l.newest_sequential = l.stores.size() - 1;
  ++now.of[by];  // what comes next is not what was released
}

// It succeeds on the newest value only, but may fail on any visible one that is not the expected.
memory::swapped memory::compare_exchange(location_id which, bits expected, bits wanted,
                                         std::memory_order success, std::memory_order failure,
                                         std::size_t by, clock& now, choices& from) {
  if (const char* wrong = touch(which, by, now)) return {0, false, wrong};
  location& l = all_[which];
  const std::size_t newest = l.stores.size() - 1;
  const std::size_t oldest = oldest_visible(l, failure, now);
  std::size_t ways = 1;
  for (std::size_t i = newest; i-- > oldest;)
    if (l.stores[i].value != expected) ++ways;
  std::size_t chosen = newest;
  for (std::size_t skip = from.choose(ways); skip > 0;)
    if (l.stores[--chosen].value != expected) --skip;
  if (chosen != newest || l.stores[newest].value != expected)
    return {see(l, chosen, failure, by, now), false, nullptr};
  append(which, wanted, success, by, now, true);
  return {expected, true, nullptr};
}

void memory::show_newest(std::size_t to, const clock& now) noexcept {
  for (std::size_t i = 0; i < used_; ++i) {
    location& l = all_[i];
    if (!l.alive || l.stores.empty()) continue;
    tick& since = l.stores.back().seen.of[to];
    since = std::min(since, now.of[to]);
  }
}

}  // namespace troupe::model
