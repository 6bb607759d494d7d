#pragma once
// The program that moves in: two actors of CAF, written without troupe.

#include <caf/all.hpp>

namespace example {

/// Adds, subtracts and divides. A division by zero ends it.
caf::behavior calculator(caf::event_based_actor* self);

/// Asks a calculator for 84 / 2 and sends the result to the teller. It does not know where they
/// are.
void customer(caf::event_based_actor* self, const caf::actor& calculator, const caf::actor& teller);

}  // namespace example
