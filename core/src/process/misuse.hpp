#pragma once

#include "runtime/engine.hpp"

namespace troupe::internal {

// The running process, which must be the one whose context is used. Anything else is a data race in
// the making.
[[nodiscard]] process_slot& own_slot(process_slot* of_context) noexcept;

// A context was used where its process does not run: the program ends with a message that says so.
[[noreturn]] void end_for_misuse() noexcept;

}  // namespace troupe::internal
