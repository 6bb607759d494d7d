#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::model {

// The memory of nodes. What is freed is given out again at once, newest first, which is what makes
// mistakes with reused addresses happen. Addresses are the same in every execution.
class node_heap {
 public:
  node_heap();
  void reset() noexcept;

  [[nodiscard]] void* allocate(std::size_t size);
  // What is wrong with it, or null.
  const char* deallocate(void* memory) noexcept;
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }

  // "node 3" for an address in the third block that was ever made, "node 3 +8" behind its start;
  // empty if it is none of the heap's.
  [[nodiscard]] std::string name_of(std::uintptr_t address) const;

 private:
  static constexpr std::size_t grain = 64;
  static constexpr std::size_t grains = 512;
  struct alignas(grain) grain_of_memory {
    std::array<std::byte, grain> bytes;
  };
  struct block {
    std::size_t first;  // grain
    std::size_t count;
    bool used;
  };
  [[nodiscard]] block* find(const void* memory) noexcept;

  std::unique_ptr<grain_of_memory[]> memory_;
  std::size_t grains_used_ = 0;
  std::vector<block> blocks_;       // in the order of addresses
  std::vector<std::size_t> freed_;  // their indices, oldest first
  std::size_t in_use_ = 0;
};

}  // namespace troupe::model
