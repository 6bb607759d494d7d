#include "process/call_cycles.hpp"

#include <algorithm>

namespace troupe::internal {
namespace {

bool is(const request_header& header, const waiting_call& call) {
  return header.reply_to == call.process && header.ref == call.ref;
}

// Whether the process has that request and has not answered it. One that it keeps for later while
// it goes on to other messages is not seen: then there may be a ring, but none is proved.
bool owes(const process_slot& slot, const waiting_call& call) {
  if (slot.ties != nullptr && slot.ties->asked_by == call.process &&
      slot.ties->asked_ref == call.ref)
    return true;
  for (const message_node* n = slot.first; n != nullptr; n = n->next)
    if (n->type->kind == message_kind::request &&
        is(*static_cast<const request_header*>(n->payload()), call))
      return true;
  return false;
}

void follow(const reply_slot& awaited, std::vector<waiting_call> chain) {
  if (!awaited.callee || !awaited.callee.local() || chain.size() > max_call_cycle) return;
  running.home->deliver(awaited.callee, make_node<cycle_probe_sent>(std::move(chain)));
}

void report(const std::vector<waiting_call>& chain) {
  reached(*running.home, "processes waited for each other in calls");
  const exit_reason why = call_cycle(chain);
  for (const waiting_call& call : chain)
    running.home->deliver(call.process, make_node<cycle_found_sent>(call.ref, why));
}

}  // namespace

exit_reason call_cycle(std::vector<waiting_call> chain) {
  // Two probes may find one ring from two of its processes: what they tell is the same.
  std::ranges::rotate(chain, std::ranges::min_element(chain, {}, &waiting_call::process));
  std::string text;
  for (const waiting_call& call : chain)
    text += to_string(call.process) + running.home->names.text_of(call.process) + " waits for ";
  return exit_reason::error("troupe::call_cycle", text + to_string(chain.front().process));
}

void probe_for_cycle(process_slot& slot, const reply_slot& awaited, const request_header& asked) {
  const waiting_call mine{id_of(slot), awaited.ref};
  if (asked.reply_to.local()) follow(awaited, {{asked.reply_to, asked.ref}, mine});
}

void take_cycle_probe(process_slot& slot, cycle_probe_sent& probe) {
  const reply_slot* const awaited = awaited_reply(slot);
  if (awaited == nullptr || !owes(slot, probe.chain.back())) return;
  const waiting_call mine{id_of(slot), awaited->ref};
  const auto known = std::ranges::find(probe.chain, mine.process, &waiting_call::process);
  if (known == probe.chain.end()) {
    probe.chain.push_back(mine);
    follow(*awaited, std::move(probe.chain));
  } else if (known == probe.chain.begin() && known->ref == mine.ref) {
    report(probe.chain);
  }
}

void take_cycle_found(process_slot& slot, const cycle_found_sent& found) {
  reply_slot* const awaited = awaited_reply(slot);
  if (awaited == nullptr || awaited->ref != found.ref) return;
  awaited->node = make_node<failed_reply>(reply_header{found.ref}, found.why);
  unlink_reply(*slot.ties, *awaited);
}

}  // namespace troupe::internal
