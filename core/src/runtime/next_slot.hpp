#pragma once

#include <troupe/sync.hpp>

namespace troupe::internal {

// What a worker runs next. Its owner puts in and takes out all the time, without a step that locks
// the bus; only when it seems to be stuck does another worker come for what is in it, and pays for
// both: whichever of the two says first that it is at the slot, the other sees it, because of the
// barrier between saying so and looking.
template <class Sync, class T>
class next_slot {
 public:
  // Owner. Gives what was there. An idle worker that looks for work sees it by the barrier of
  // parking::ensure_watch.
  T* put(T* item) noexcept {
    enter();
    T* const displaced = item_.load(std::memory_order_relaxed);
    item_.store(item, std::memory_order_relaxed);
    leave();
    return displaced;
  }
  // Owner.
  T* take() noexcept {
    if (empty()) return nullptr;
    enter();
    T* const mine = item_.load(std::memory_order_relaxed);
    if (mine != nullptr) item_.store(nullptr, std::memory_order_relaxed);
    leave();
    return mine;
  }
  // One other worker at a time. Nothing if the owner is at the slot: it is not stuck then. The
  // acquire pairs with leave: what the owner has put is seen, and what it took is not.
  T* steal() noexcept {
    thief_.store(true, std::memory_order_relaxed);
    barrier_.heavy();
    T* stolen = nullptr;
    if (!owner_.load(std::memory_order_acquire)) {
      stolen = item_.load(std::memory_order_relaxed);
      if (stolen != nullptr) item_.store(nullptr, std::memory_order_relaxed);
    }
    thief_.store(false, std::memory_order_release);
    return stolen;
  }

  // The owner: exact. Others: what was put before a barrier that they share with the owner is seen.
  [[nodiscard]] bool empty() const noexcept {
    return item_.load(std::memory_order_relaxed) == nullptr;
  }

 private:
  template <class V>
  using atomic = typename Sync::template atomic<V>;

  // The thief is there for a few instructions. The acquire pairs with its release: what it took is
  // gone.
  void enter() noexcept {
    owner_.store(true, std::memory_order_relaxed);
    barrier_.light();
    while (thief_.load(std::memory_order_acquire)) Sync::yield();
  }
  void leave() noexcept { owner_.store(false, std::memory_order_release); }

  atomic<T*> item_{nullptr};
  atomic<bool> owner_{false};  // is at the slot
  atomic<bool> thief_{false};
  [[no_unique_address]] typename Sync::lopsided_barrier barrier_;
};

}  // namespace troupe::internal
