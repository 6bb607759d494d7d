#pragma once

#include "runtime/engine.hpp"

namespace troupe::internal {

// The running process, which must be the one whose context is used. Anything else is a data race in
// the making: the program ends here with a message that says what happened.
[[nodiscard]] process_slot& own_slot(process_slot* of_context) noexcept;

}  // namespace troupe::internal
