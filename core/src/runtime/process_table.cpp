#include "runtime/process_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace troupe::internal {

process_table::process_table(std::size_t capacity)
    : capacity_(capacity),
      cached_(capacity < least_to_cache ? 0 : resting_slots + 4 * batch),
      memory_((capacity + 1) * sizeof(process_slot)),
      slots_(static_cast<process_slot*>(memory_.data())),
      bounds_memory_((capacity + 1) * sizeof(mailbox_bound)),
      bounds_(static_cast<mailbox_bound*>(bounds_memory_.data())) {}

void process_table::add_spare() {
  const std::lock_guard lock(mutex_);
  spare_ = ::new (&slots_[capacity_]) process_slot;
}

process_slot& process_table::take(slot_cache& cache) {
  if (cached_ == 0) return take_shared();
  if (cache.count() > resting_slots) return *cache.take();
  {
    const std::lock_guard lock(mutex_);
    if (shared_.count() > resting_slots)
      for (std::size_t i = 0; i < batch && shared_.count() > resting_slots; ++i)
        cache.put(shared_.take());
  }
  if (cache.count() <= resting_slots) take_fresh(batch, cache);
  process_slot* slot = cache.take();
  if (slot == nullptr) return take_shared();
  return *slot;
}

process_slot& process_table::take_outside() {
  {
    const std::lock_guard lock(mutex_);
    if (spare_ != nullptr) return *std::exchange(spare_, nullptr);
  }
  return take_shared();
}

process_slot& process_table::take_shared() {
  const std::lock_guard lock(mutex_);
  if (shared_.count() <= resting_slots) take_fresh(batch, shared_);
  process_slot* slot = shared_.take();
  if (slot == nullptr)
    throw std::runtime_error(fmt::format(
        "troupe: no room for another process: all {} are taken (system_options::max_processes)",
        capacity_));
  return *slot;
}

void process_table::put(process_slot& slot, slot_cache& cache) noexcept {
  if (cached_ == 0) return put_shared(slot);
  cache.put(&slot);
  if (cache.count() < cached_) return;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < 2 * batch; ++i) shared_.put(cache.take());
}

void process_table::put_shared(process_slot& slot) noexcept {
  const std::lock_guard lock(mutex_);
  shared_.put(&slot);
}

// Slots that were never used: their memory is zero until they are constructed here. Release pairs
// with the acquire of `each`, which looks at all that are counted.
void process_table::take_fresh(std::size_t wanted, slot_cache& into) {
  const std::lock_guard lock(fresh_);
  const std::size_t first = used_.load(std::memory_order_relaxed);
  const std::size_t end = std::min(first + wanted, capacity_);
  for (std::size_t i = first; i < end; ++i) into.put(::new (&slots_[i]) process_slot);
  if (first < end) used_.store(end, std::memory_order_release);
}

}  // namespace troupe::internal
