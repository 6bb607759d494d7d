#pragma once
// What is printed, and where its figures come from.

#include <chrono>
#include <cstdint>
#include <vector>

#include "member.hpp"

namespace mesh {

class stopwatch {
 public:
  [[nodiscard]] double seconds() const;

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// KiB of this OS process.
[[nodiscard]] std::uint64_t resident_kib();

/// Throws std::runtime_error if one of them does not see all the others.
void print(const std::vector<view>& views);
/// Of nodes that have OS processes of their own.
void print_memory(const std::vector<view>& views);

}  // namespace mesh
