#pragma once

#include "platform/memory.hpp"
#include "platform/threads.hpp"
#include "runtime/mailbox_bound.hpp"
#include "runtime/process_slot.hpp"

namespace troupe::internal {

// Freed slots of one worker, used again in the order in which they were freed. Owner only.
class slot_cache {
 public:
  void put(process_slot* slot) noexcept {
    slot->run_link = nullptr;
    *last_ = slot;
    last_ = &slot->run_link;
    ++count_;
  }
  process_slot* take() noexcept {
    process_slot* slot = first_;
    if (slot == nullptr) return nullptr;
    first_ = slot->run_link;
    if (first_ == nullptr) last_ = &first_;
    --count_;
    return slot;
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  process_slot* first_ = nullptr;
  process_slot** last_ = &first_;
  std::size_t count_ = 0;
};

// All processes of a system: slots in one reserved range, so that a pid finds its slot by index and
// the memory of a slot stays a slot for ever.
class process_table {
 public:
  // So many freed slots rest before the first of them is used again: see mailbox.
  static constexpr std::size_t resting_slots = 256;
  // So many slots move between a worker's cache and the shared store at once.
  static constexpr std::size_t batch = 256;
  // A table of fewer slots is filled to the last one: workers keep no freed slots for themselves.
  static constexpr std::size_t least_to_cache = std::size_t{1} << 17;
  static constexpr std::size_t max_capacity = std::size_t{1} << 31;

  explicit process_table(std::size_t capacity);
  // One slot more, so that a full system can still start the process that ends all others.
  void add_spare();

  // The slot that the pid means, or null if its process has ended. Any thread. See tenancy::is.
  [[nodiscard]] process_slot* find(pid p) const noexcept {
    if (p.slot() > capacity_ || (p.generation() & 1) == 0) return nullptr;
    process_slot& slot = slots_[p.slot()];
    return slot.is(p.generation()) ? &slot : nullptr;
  }
  [[nodiscard]] pid id_of(const process_slot& slot) const noexcept {
    const auto index = static_cast<std::uint64_t>(&slot - slots_);
    return {0, std::uint64_t{slot.generation.load(std::memory_order_relaxed)} << 32 | index};
  }

  // Of a process whose pid is bounded, now or before.
  [[nodiscard]] mailbox_bound& bound_of(pid p) const noexcept { return bounds_[p.slot()]; }

  // A free slot, from the cache if it has enough. Throws std::runtime_error if all are taken.
  process_slot& take(slot_cache& cache);
  // For threads without a cache.
  process_slot& take_shared();
  // The same, and the spare one first: for threads that are not workers.
  process_slot& take_outside();
  void put(process_slot& slot, slot_cache& cache) noexcept;
  void put_shared(process_slot& slot) noexcept;

  // Calls `visit` for every process alive. Any thread.
  template <class Visit>
  void each(Visit visit) const {
    const std::size_t used = used_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i <= used; ++i) {
      const std::size_t index = i < used ? i : capacity_;  // the last is the spare one
      const std::uint32_t generation = slots_[index].generation.load(std::memory_order_acquire);
      if ((generation & 1) != 0) visit(pid{0, (std::uint64_t{generation} << 32) | index});
    }
  }

 private:
  void take_fresh(std::size_t wanted, slot_cache& into);

  std::size_t capacity_;
  std::size_t cached_;  // slots that a worker may keep
  platform::lazy_range memory_;
  process_slot* slots_;
  platform::lazy_range bounds_memory_;
  mailbox_bound* bounds_;             // zeros, which is what a new one is
  platform::mutex fresh_;             // of those who raise `used_`; taken within `mutex_` or alone
  std::atomic<std::size_t> used_{0};  // slots that were ever taken
  platform::mutex mutex_;
  process_slot* spare_ = nullptr;  // likewise
  slot_cache shared_;              // guarded by the mutex
};

}  // namespace troupe::internal
