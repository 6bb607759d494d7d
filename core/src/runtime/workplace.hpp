#pragma once

#include <troupe/message.hpp>

#include "runtime/process_table.hpp"
#include "runtime/running.hpp"
#include "runtime/timer_wheel.hpp"

namespace troupe::internal {

// What a thread that runs processes of one system has to itself, so that it need not ask others.
struct workplace {
  explicit workplace(steady_time now) : wheel(now) {}

  timer_wheel wheel;
  slot_cache slots;
  tally counts;
  std::atomic<const message_type*> handles{nullptr};  // taken last in this turn, for the watchdog
};

}  // namespace troupe::internal
