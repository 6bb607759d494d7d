#pragma once

#include "process/relations.hpp"

namespace troupe::internal {

// Processes that wait for each other in calls would wait until their deadlines. The last request
// that closes such a ring reaches a process which waits in a call itself. From there a probe
// follows the calls; where it comes back to whoever sent that request, the ring is closed, and the
// calls of all in it fail at once with `troupe::call_cycle` and the chain. (Chandy, Misra, Haas:
// edge chasing, single-resource model.) Calls to other nodes end the search.

// The process waits for this one, whose answer the numbered call awaits.
struct waiting_call {
  pid process;
  std::uint64_t ref = 0;
};
struct cycle_probe_sent : signal {
  explicit cycle_probe_sent(std::vector<waiting_call> calls) : chain(std::move(calls)) {}
  std::vector<waiting_call> chain;  // each waits for the next, the last for the receiver
};
struct cycle_found_sent : signal {
  cycle_found_sent(std::uint64_t call, exit_reason reason) : ref(call), why(std::move(reason)) {}
  std::uint64_t ref;  // of the receiver's call
  exit_reason why;
};
// A ring of more processes is left to its deadlines.
inline constexpr std::size_t max_call_cycle = 64;

// Why the calls of those fail.
[[nodiscard]] exit_reason call_cycle(std::vector<waiting_call> chain);
// A request has come to a process that waits in a call.
void probe_for_cycle(process_slot& slot, const reply_slot& awaited, const request_header& asked);
void take_cycle_probe(process_slot& slot, cycle_probe_sent& probe);
void take_cycle_found(process_slot& slot, const cycle_found_sent& found);

}  // namespace troupe::internal
