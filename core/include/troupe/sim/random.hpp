#pragma once

#include <troupe/compiler.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace troupe::sim {

/// A stream of numbers that a seed and a purpose decide, on every machine alike. Streams of other
/// purposes are not disturbed by a draw, so a new use of randomness does not change the rest of a
/// run. Not for secrets.
class random {
 public:
  random(std::uint64_t seed, std::string_view purpose) noexcept : state_(seed) {
    for (const char c : purpose) state_ = mixed(state_ ^ static_cast<unsigned char>(c));
  }

  std::uint64_t next() noexcept { return mixed(state_ += 0x9e3779b97f4a7c15u); }
  /// 0 to limit - 1; limit is 1 or more.
  std::uint64_t below(std::uint64_t limit) noexcept { return next() % limit; }
  /// True once in so many draws; never if that is 0.
  bool one_in(std::uint64_t n) noexcept { return n != 0 && below(n) == 0; }
  /// From one duration to the other, both included.
  std::chrono::nanoseconds between(std::chrono::nanoseconds low,
                                   std::chrono::nanoseconds high) noexcept {
    if (high <= low) return low;
    return low + std::chrono::nanoseconds(static_cast<std::int64_t>(
                     below(static_cast<std::uint64_t>((high - low).count()) + 1)));
  }

 private:
  // The finaliser of splitmix64.
  static constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  std::uint64_t state_;
};

}  // namespace troupe::sim
