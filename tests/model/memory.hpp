#pragma once

#include "model/choices.hpp"
#include "model/clock.hpp"

#include <atomic>
#include <optional>
#include <vector>

namespace troupe::model {

using bits = std::uint64_t;
using location_id = std::uint32_t;

// The memory of a modelled program, as the C++ standard sees it, and nothing of any processor.
//
// Each atomic object keeps all values that were stored to it, in order. A load may give any of them
// that no newer one hides: a store is hidden once a newer one was seen by the loading thread, or
// by one whose doings happened before. What happened before is kept by vector clocks: a release
// publishes the thread's clock with the value, an acquire joins it, a read-modify-write takes the
// newest value and passes on what the one before published. Sequentially consistent operations are
// in the order in which they are executed, and so do not see behind one another.
//
// Plain objects have two clocks, of the last write and of all reads: an access that the last
// conflicting one did not happen before is a race, in whichever order the two were executed.
//
// Not covered: load buffering (a load never sees a store that is executed later), orders of
// modification other than the order of execution, fences, consume, spurious failure of a weak
// compare-exchange.
class memory {
 public:
  struct loaded {
    bits value = 0;
    const char* wrong = nullptr;  // what the access did that must not be
  };
  struct swapped {
    bits before = 0;
    bool done = false;
    const char* wrong = nullptr;
  };

  void reset() noexcept { used_ = 0; }

  [[nodiscard]] location_id make_atomic(bits initial, std::size_t by, clock& now);
  [[nodiscard]] location_id make_plain(std::size_t by, const clock& now);
  // The object is destroyed. What is wrong with that, or null.
  const char* destroy(location_id which, std::size_t by, const clock& now) noexcept;

  loaded load(location_id which, std::memory_order order, std::size_t by, clock& now,
              choices& from);
  const char* store(location_id which, bits value, std::memory_order order, std::size_t by,
                    clock& now);
  // `change` gives the new value, or none to leave it, which makes the operation a load.
  template <class Change>
  swapped exchange(location_id which, std::memory_order order, std::size_t by, clock& now,
                   Change change) {
    if (const char* wrong = touch(which, by, now)) return {0, false, wrong};
    const bits before = newest(which);
    append(which, change(before), order, by, now, true);
    return {before, true, nullptr};
  }
  swapped compare_exchange(location_id which, bits expected, bits wanted, std::memory_order success,
                           std::memory_order failure, std::size_t by, clock& now, choices& from);

  const char* read_plain(location_id which, std::size_t by, const clock& now) noexcept;
  const char* write_plain(location_id which, std::size_t by, const clock& now) noexcept;

  [[nodiscard]] bits newest(location_id which) const { return all_[which].stores.back().value; }
  [[nodiscard]] bits first(location_id which) const { return all_[which].stores.front().value; }
  // From now on the thread sees the newest value of everything, without more having happened
  // before.
  void show_newest(std::size_t to, const clock& now) noexcept;

 private:
  struct stored {
    bits value = 0;
    clock released;  // by who loads it with acquire
    clock seen;      // by each thread since when; never if not
  };
  struct location {
    bool alive = false;
    std::size_t newest_sequential = 0;  // no sequentially consistent load sees behind this
    clock written;                      // of a plain object; of an atomic one, its construction
    clock read;                         // of an atomic one, every access
    std::vector<stored> stores;         // none if plain
  };
  location& make(std::size_t by, const clock& now);
  const char* touch(location_id which, std::size_t by, const clock& now) noexcept;
  [[nodiscard]] std::size_t oldest_visible(const location& l, std::memory_order order,
                                           const clock& now) const noexcept;
  bits see(location& l, std::size_t index, std::memory_order order, std::size_t by, clock& now);
  void append(location_id which, bits value, std::memory_order order, std::size_t by, clock& now,
              bool continues);

  std::vector<location> all_;
  std::size_t used_ = 0;
};

}  // namespace troupe::model
