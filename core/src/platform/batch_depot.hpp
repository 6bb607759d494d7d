#pragma once

#include <troupe/sync.hpp>

#include <cstddef>

namespace troupe::internal {

// Where threads leave batches for others: chains of items that a few places hold. A place is filled
// and emptied by one step, and nobody looks into a chain that is not his, so no chain is taken
// twice.
template <class Sync, class T, std::size_t Places>
class alignas(64) batch_depot {
 public:
  // False if all places are full. The release pairs with take: the items are seen there.
  [[nodiscard]] bool put(T* chain) noexcept {
    for (auto& place : places_) {
      T* none = nullptr;
      if (place.load(std::memory_order_relaxed) == nullptr &&
          place.compare_exchange_strong(none, chain, std::memory_order_release,
                                        std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  // Null if nothing is there.
  [[nodiscard]] T* take() noexcept {
    for (auto& place : places_)
      if (place.load(std::memory_order_relaxed) != nullptr)
        if (T* const chain = place.exchange(nullptr, std::memory_order_acquire)) return chain;
    return nullptr;
  }

 private:
  typename Sync::template atomic<T*> places_[Places];
};

}  // namespace troupe::internal
