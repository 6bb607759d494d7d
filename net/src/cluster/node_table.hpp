#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace troupe::net::internal {

/// The entries behind the node indexes of pids, 1 and up. One thread at a time adds; any thread
/// finds, without a lock, because each message to another node does. Entries never move nor change.
template <class Entry>
class node_table {
 public:
  /// 64 Ki: nodes, incarnations counted one by one.
  static constexpr std::size_t capacity = 65535;

  /// Null if there is none. Acquire pairs with the release in `add`: the entry and its block are
  /// seen.
  [[nodiscard]] const Entry* find(std::uint32_t index) const noexcept {
    if (index == 0 || index > size_.load(std::memory_order_acquire)) return nullptr;
    return &at(index);
  }
  /// Its index. There must be room.
  std::uint32_t add(Entry entry) {
    const std::uint32_t index = size_.load(std::memory_order_relaxed) + 1;
    if (std::has_single_bit(index)) blocks_[block_of(index)] = std::make_unique<Entry[]>(index);
    at(index) = std::move(entry);
    size_.store(index, std::memory_order_release);
    return index;
  }
  [[nodiscard]] bool full() const noexcept {
    return size_.load(std::memory_order_relaxed) == capacity;
  }

 private:
  // Each block is twice as large as the one before, the first has one entry.
  static std::size_t block_of(std::uint32_t index) noexcept {
    return static_cast<std::size_t>(std::bit_width(index)) - 1;
  }
  [[nodiscard]] Entry& at(std::uint32_t index) const noexcept {
    return blocks_[block_of(index)][index - std::bit_floor(index)];
  }

  std::atomic<std::uint32_t> size_{0};
  std::array<std::unique_ptr<Entry[]>, 16> blocks_;
};

}  // namespace troupe::net::internal
