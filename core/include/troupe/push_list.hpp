#pragma once
// Nothing here is for users to name.

#include <troupe/compiler.hpp>

#include <atomic>

namespace troupe::internal {

// The list through that member, the other way round.
template <auto Link, class T>
T* reversed(T* list) noexcept {
  T* front = nullptr;
  while (list != nullptr) {
    T* const older = list->*Link;
    list->*Link = front;
    front = list;
    list = older;
  }
  return front;
}

// Many push, one at a time takes all: a list through a member of the items themselves, so pushing
// allocates nothing. An item is in one list at most.
template <class Sync, class T, auto Link>
class push_list {
 public:
  // Any thread. True if the list was empty: whoever gets that sees to it that somebody takes.
  // Sequentially consistent for the check that a worker makes before it sleeps (parking::rest): one
  // of the two sees the other. Its release half publishes the item.
  bool push(T* item) noexcept {
    T* seen = newest_.load(std::memory_order_relaxed);
    do {
      item->*Link = seen;
    } while (!newest_.compare_exchange_weak(seen, item, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
    return seen == nullptr;
  }
  // All items, oldest first, linked. Acquire pairs with the release half of push.
  T* take_all() noexcept {
    if (empty()) return nullptr;
    return reversed<Link>(newest_.exchange(nullptr, std::memory_order_acquire));
  }
  [[nodiscard]] bool empty() const noexcept {
    return newest_.load(std::memory_order_seq_cst) == nullptr;
  }

 private:
  typename Sync::template atomic<T*> newest_{nullptr};
};

}  // namespace troupe::internal
