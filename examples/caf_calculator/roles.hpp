#pragma once
// The two nodes of the example, each an OS process.

namespace example {

/// Has CAF's actors as children of a supervisor, until its parent ends it.
void run_workshop();

/// Starts the workshop, has it calculate, ends its calculator twice, and prints what happens.
void run_desk();

}  // namespace example
