#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe::model {

// Threads of one modelled program, the one that sets it up included.
inline constexpr std::size_t max_threads = 6;

using tick = std::uint16_t;
inline constexpr tick never = 0xffff;

// A vector clock: of each thread, how much of what it did has happened before.
struct clock {
  std::array<tick, 8> of{};  // a power of two, so that it is compared in one instruction

  void join(const clock& other) noexcept {
    for (std::size_t i = 0; i < of.size(); ++i)
      if (of[i] < other.of[i]) of[i] = other.of[i];
  }
  // All that `other` counts has happened before.
  [[nodiscard]] bool covers(const clock& other) const noexcept {
    bool all = true;
    for (std::size_t i = 0; i < of.size(); ++i) all = all && other.of[i] <= of[i];
    return all;
  }
  [[nodiscard]] bool covers_any(const clock& other) const noexcept {
    bool any = false;
    for (std::size_t i = 0; i < of.size(); ++i) any = any || other.of[i] <= of[i];
    return any;
  }
};
static_assert(max_threads <= 8);

}  // namespace troupe::model
