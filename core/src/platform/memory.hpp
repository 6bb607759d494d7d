#pragma once

#include <cstddef>

namespace troupe::platform {

// A range of address space whose pages are taken, zeroed, when they are first touched. Never moves.
class lazy_range {
 public:
  explicit lazy_range(std::size_t bytes);  // throws std::bad_alloc
  lazy_range(const lazy_range&) = delete;
  lazy_range& operator=(const lazy_range&) = delete;
  ~lazy_range();
  [[nodiscard]] void* data() const noexcept { return data_; }

 private:
  void* data_;
  std::size_t bytes_;
};

// Bytes that a block from internal::allocate has.
[[nodiscard]] std::size_t usable_size(const void* memory) noexcept;

}  // namespace troupe::platform
