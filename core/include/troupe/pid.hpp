#pragma once

#include <troupe/compiler.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace troupe {

/// The address of a process, on this node or another one: a plain value that keeps nothing alive.
/// A send to a pid whose process has ended is dropped; a pid never comes to mean another process.
struct pid {
  /// Index in the system's node table, which holds a node's name and incarnation; 0 is this node.
  std::uint32_t node = 0;
  /// For our processes the slot in the low half and its generation (1 or more) in the high half;
  /// for a process of another kind of node, that node's identity bit for bit. 0 is no process.
  std::uint64_t id = 0;

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return id != 0; }
  [[nodiscard]] constexpr bool local() const noexcept { return node == 0; }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>(id);
  }
  [[nodiscard]] constexpr std::uint32_t generation() const noexcept {
    return static_cast<std::uint32_t>(id >> 32);
  }
  /// Of our processes: whether the mailbox is bounded. The highest bit of the generation says so,
  /// so that senders to all others need not look.
  [[nodiscard]] constexpr bool bounded() const noexcept { return id >> 63 != 0; }
  friend constexpr auto operator<=>(const pid&, const pid&) noexcept = default;
};
static_assert(sizeof(pid) == 16);

/// Erlang's way to write it: `<node.slot.generation>`.
[[nodiscard]] std::string to_string(pid p);

/// Names one monitor of the process that made it; other processes' references may be equal.
struct monitor_ref {
  std::uint64_t id = 0;
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return id != 0; }
  friend constexpr auto operator<=>(const monitor_ref&, const monitor_ref&) noexcept = default;
};

/// Names one timer of the process that armed it.
struct timer_ref {
  std::uint64_t id = 0;
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return id != 0; }
  friend constexpr auto operator<=>(const timer_ref&, const timer_ref&) noexcept = default;
};

}  // namespace troupe

template <>
struct std::hash<troupe::pid> {
  std::size_t operator()(troupe::pid p) const noexcept {
    // The slot is the low half: a multiplication spreads it over the bits that tables use.
    return static_cast<std::size_t>((p.id ^ (std::uint64_t{p.node} << 40)) * 0x9e3779b97f4a7c15u);
  }
};
