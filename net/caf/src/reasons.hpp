#pragma once
// Why something ended or failed, in the words of the other world. The table is in
// net/caf/README.md.

#include <troupe/exit_reason.hpp>

#include <caf/actor_system.hpp>
#include <caf/error.hpp>

namespace troupe::caf::internal {

// The end of an actor, or an error in the place of a response.
[[nodiscard]] exit_reason reason_of(::caf::actor_system& guests, const ::caf::error& why);
// The end of a process. The reason `normal` is no error.
[[nodiscard]] ::caf::error error_of(const exit_reason& why);

// Why there is no response: in CAF a receiver that is gone has an error of its own.
[[nodiscard]] ::caf::error receiver_down(const exit_reason& why);
[[nodiscard]] ::caf::error failure_of(const exit_reason& why);

}  // namespace troupe::caf::internal
