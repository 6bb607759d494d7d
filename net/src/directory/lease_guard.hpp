#pragma once

#include <troupe/net/directory.hpp>

namespace troupe::net::internal {

/// What a guard is to do.
struct lease_plan {
  destination directory;
  lease_options how;
  std::string name;
  pid process;         // where it leads to; none: nowhere until assigned
  bool waits = false;  // until it has it
  pid owner = {};      // who asks for the name
  std::shared_ptr<lease_clock> clock = {};
  // Says what is wrong; empty: in the log. For who has many names that all have the same trouble.
  std::function<void(context self, const std::string& text)> warn = {};
};

/// Answered when the name is the owner's, or another one's if the guard does not wait.
struct await_lease {
  using reply = std::optional<name_holder>;
};
struct give_back {
  using reply = void;
};
struct assign_name {
  using reply = void;
  pid process;
};

/// The type of the error with which a directory refuses what is wrong in itself.
inline constexpr std::string_view directory_fault = "troupe::directory_error";

/// How long of its lease a holder may count on.
[[nodiscard]] std::chrono::nanoseconds certain_part(const lease_options& how);

/// For the running process: the guard is linked to it.
[[nodiscard]] task<std::optional<lease>> take_lease(lease_plan plan, context self);

/// The process that gets a lease and keeps it up; linked to its owner, who made it. It ends when
/// the lease does, and then the process to which the name leads has ended before.
[[nodiscard]] process guard_lease(context self, lease_plan plan);

}  // namespace troupe::net::internal
