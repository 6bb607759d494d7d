#pragma once

#include "runtime/sync.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace troupe::internal {

// A worker's queue of processes that can run: the owner pushes at the tail, owner and thieves take
// at the head, so it is fair to those who wait longest. Grows, never shrinks; rings that were
// outgrown are kept, because a thief may be reading them, and are at most as large as the last.
template <class Sync, class T>
class run_queue {
 public:
  run_queue() { add_ring(256); }

  // Owner. The sequentially consistent store of the tail pairs with the check that an idle worker
  // makes after it has announced itself (worker_pool::rest): one of the two sees the other.
  void push(T* item) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    ring* to = ring_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) > to->mask) to = grow(*to, tail);
    to->at(tail).store(item, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_seq_cst);
  }

  // Any worker. Null if empty. Acquire of the tail pairs with the store in push: the item and what
  // it points to are seen. The swap of the head gives each item to one taker only.
  T* take() noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (head < tail_.load(std::memory_order_seq_cst)) {
      ring* from = ring_.load(std::memory_order_acquire);
      T* item = from->at(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        return item;
    }
    return nullptr;
  }

  // Any worker; a guess unless the queue is at rest.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    const std::uint64_t tail = tail_.load(std::memory_order_seq_cst);
    return tail > head ? static_cast<std::size_t>(tail - head) : 0;
  }

 private:
  using cell = typename Sync::template atomic<T*>;
  struct ring {
    explicit ring(std::size_t capacity) : mask(capacity - 1), cells(new cell[capacity]) {}
    cell& at(std::uint64_t index) noexcept { return cells[index & mask]; }
    std::size_t mask;
    std::unique_ptr<cell[]> cells;
  };

  ring* add_ring(std::size_t capacity) {
    rings_.push_back(std::make_unique<ring>(capacity));
    ring_.store(rings_.back().get(), std::memory_order_release);
    return rings_.back().get();
  }
  ring* grow(ring& old, std::uint64_t tail) {
    auto larger = std::make_unique<ring>((old.mask + 1) * 2);
    for (std::uint64_t i = head_.load(std::memory_order_acquire); i < tail; ++i)
      larger->at(i).store(old.at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    rings_.push_back(std::move(larger));
    // Release pairs with the acquire in take: whoever sees the ring sees the items copied into it.
    ring_.store(rings_.back().get(), std::memory_order_release);
    return rings_.back().get();
  }

  alignas(64) typename Sync::template atomic<std::uint64_t> head_{0};
  alignas(64) typename Sync::template atomic<std::uint64_t> tail_{0};
  typename Sync::template atomic<ring*> ring_{nullptr};
  std::vector<std::unique_ptr<ring>> rings_;  // owner
};

// Where threads that are not workers put processes that can run. A list through the items
// themselves (`T::run_link`); a process is scheduled once at a time, so it is in one list at most.
template <class Sync, class T>
class submit_queue {
 public:
  // Any thread. Sequentially consistent for the same reason as run_queue::push.
  void push(T* item) noexcept {
    T* seen = newest_.load(std::memory_order_relaxed);
    do {
      item->run_link = seen;
    } while (!newest_.compare_exchange_weak(seen, item, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
  }
  // Any worker: all items, oldest first, linked. Acquire pairs with the release half of push.
  T* take_all() noexcept {
    if (empty()) return nullptr;
    T* list = newest_.exchange(nullptr, std::memory_order_acq_rel);
    T* front = nullptr;
    while (list != nullptr) {
      T* const older = list->run_link;
      list->run_link = front;
      front = list;
      list = older;
    }
    return front;
  }
  [[nodiscard]] bool empty() const noexcept {
    return newest_.load(std::memory_order_seq_cst) == nullptr;
  }

 private:
  alignas(64) typename Sync::template atomic<T*> newest_{nullptr};
};

}  // namespace troupe::internal
