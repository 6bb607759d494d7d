#pragma once

#include <troupe/sync.hpp>

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
  // `capacity` is a power of two: of the first ring.
  explicit run_queue(std::size_t capacity = 256) {
    rings_.push_back(std::make_unique<ring>(capacity));
    ring_.store(rings_.back().get(), std::memory_order_relaxed);
  }

  // Owner. The sequentially consistent store of the tail pairs with the check that an idle worker
  // makes after it has announced itself (parking::rest): one of the two sees the other.
  void push(T* item) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    ring* to = ring_.load(std::memory_order_relaxed);
    if (tail - seen_head_ > to->mask) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ > to->mask) to = grow(*to, tail);
    }
    to->at(tail).store(item, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_seq_cst);
  }

  // Any worker. Null if empty. Acquire of the tail pairs with the store in push: the item and what
  // it points to are seen. The swap of the head gives each item to one taker only; its release
  // pairs with the acquire in push, so that a cell is written again only once it has been read.
  T* take() noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    while (head < tail_.load(std::memory_order_acquire)) {
      ring* from = ring_.load(std::memory_order_acquire);
      T* item = from->at(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_release,
                                      std::memory_order_relaxed))
        return item;
    }
    return nullptr;
  }

  // Any worker; a guess unless the queue is at rest, but never too low for what push says above.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
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

  ring* grow(ring& old, std::uint64_t tail) {
    auto larger = std::make_unique<ring>((old.mask + 1) * 2);
    for (std::uint64_t i = head_.load(std::memory_order_relaxed); i < tail; ++i)
      larger->at(i).store(old.at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    rings_.push_back(std::move(larger));
    // Release pairs with the acquire in take: whoever sees the ring sees the items copied into it.
    ring_.store(rings_.back().get(), std::memory_order_release);
    return rings_.back().get();
  }

  alignas(64) typename Sync::template atomic<std::uint64_t> head_{0};
  alignas(64) typename Sync::template atomic<std::uint64_t> tail_{0};
  typename Sync::template atomic<ring*> ring_{nullptr};
  std::uint64_t seen_head_ = 0;               // owner: thieves write the real one all the time
  std::vector<std::unique_ptr<ring>> rings_;  // owner
};

}  // namespace troupe::internal
