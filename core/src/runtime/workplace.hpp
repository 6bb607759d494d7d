#pragma once

#include <troupe/system.hpp>

#include "runtime/process_table.hpp"
#include "runtime/running.hpp"
#include "runtime/timer_wheel.hpp"

namespace troupe::internal {

// What a thread that runs processes of one system has to itself, so that it need not ask others.
struct workplace {
  explicit workplace(steady_time now) : wheel(now) {}

  void add_to(system_counts& sum) const {
    sum.processes += counts.processes.load(std::memory_order_relaxed);
    sum.timers += counts.timers.load(std::memory_order_relaxed);
    sum.links += counts.links.load(std::memory_order_relaxed);
    sum.monitors += counts.monitors.load(std::memory_order_relaxed);
    sum.messages_dropped += counts.dropped.load(std::memory_order_relaxed);
  }

  timer_wheel wheel;
  slot_cache slots;
  tally counts;
};

}  // namespace troupe::internal
