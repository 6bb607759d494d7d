#pragma once

#include <troupe/sync.hpp>

namespace troupe::internal {

// One thread sleeps here until another unparks it. An unpark that comes first is not lost.
template <class Sync>
class parker {
 public:
  // Takes the token if there is one. Both exchanges are acquire and release: whichever comes second
  // sees all that the other thread did before the first.
  bool consume() noexcept { return word_.exchange(empty, std::memory_order_acq_rel) == token; }
  void park(std::chrono::nanoseconds limit) noexcept {
    if (consume()) return;
    Sync::sleep(word_, empty, limit);
    consume();
  }
  void unpark() noexcept {
    if (word_.exchange(token, std::memory_order_acq_rel) == empty) Sync::wake_one(word_);
  }

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t token = 1;
  typename Sync::template atomic<std::uint32_t> word_{empty};
};

}  // namespace troupe::internal
