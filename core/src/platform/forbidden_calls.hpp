#pragma once

namespace troupe::platform {

// What this thread does when the function that runs now asks the operating system for the time, for
// random numbers or for sleep; null: it gets them. Set by a simulation around each turn, because a
// run that depends on such a call cannot be repeated. The calls are seen in programs that contain a
// simulation, where the library's own functions of these names stand before libc's.
extern constinit thread_local void (*on_forbidden_call)(const char* name);

}  // namespace troupe::platform
