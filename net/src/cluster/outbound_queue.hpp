#pragma once

#include <troupe/push_list.hpp>

#include <cstddef>
#include <utility>

namespace troupe::net::internal {

/// What waits to be sent to one node, and how much that is. Any thread pushes; one at a time takes.
/// `Item` has `next` and `bytes`.
template <class Sync, class Item>
class outbound_queue {
 public:
  struct limits {
    std::size_t items;
    std::size_t bytes;
  };

  /// Any thread; takes the item over. True if nothing waited to be taken: the caller has the
  /// executor come.
  bool push(Item* item, const limits& most) noexcept {
    const std::size_t items = items_.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::size_t bytes =
        bytes_.fetch_add(item->bytes, std::memory_order_relaxed) + item->bytes;
    // Seen by whoever takes the item, because it is in the list after this.
    if (items > most.items || bytes > most.bytes)
      overflowed_.store(true, std::memory_order_relaxed);
    return list_.push(item);
  }
  /// All that was pushed, oldest first, linked.
  Item* take_all() noexcept { return list_.take_all(); }
  /// Taken items that wait no longer. They are counted out together, when this goes, because each
  /// count takes the memory away from those who push; before that, when somebody is told of one,
  /// who may push again at once.
  class departures {
   public:
    explicit departures(outbound_queue& from) noexcept : from_(from) {}
    departures(const departures&) = delete;
    departures& operator=(const departures&) = delete;
    ~departures() { count_out(); }
    void add(const Item& item) noexcept {
      ++items_;
      bytes_ += item.bytes;
    }
    /// Of an item that is counted out already: it waits, after all.
    void take_back(const Item& item) noexcept {
      from_.items_.fetch_add(1, std::memory_order_relaxed);
      from_.bytes_.fetch_add(item.bytes, std::memory_order_relaxed);
    }
    void count_out() noexcept {
      from_.items_.fetch_sub(std::exchange(items_, 0), std::memory_order_relaxed);
      from_.bytes_.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
    }

   private:
    outbound_queue& from_;
    std::size_t items_ = 0;
    std::size_t bytes_ = 0;
  };
  /// Whether nothing waits; of what others push, a guess. Any thread.
  [[nodiscard]] bool empty() const noexcept { return items_.load(std::memory_order_relaxed) == 0; }
  /// What waits, pushed and taken together; a guess while others push. Any thread.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }
  /// Whether there was too much since this was last asked.
  [[nodiscard]] bool take_overflow() noexcept {
    return overflowed_.exchange(false, std::memory_order_relaxed);
  }

 private:
  troupe::internal::push_list<Sync, Item, &Item::next> list_;
  typename Sync::template atomic<std::size_t> items_{0};  // pushed and not done
  typename Sync::template atomic<std::size_t> bytes_{0};
  typename Sync::template atomic<bool> overflowed_{false};
};

}  // namespace troupe::net::internal
