// How signals take effect on the process that receives them: OTP's tables for links, monitors and
// exit signals (Erlang Reference Manual, "Processes"; ERTS, "Distribution Protocol": link
// protocol).
#include "process/call_cycles.hpp"
#include "process/inspection.hpp"
#include "process/internal_signals.hpp"
#include "process/mailbox_bounds.hpp"
#include "process/own_queue.hpp"
#include "process/relations.hpp"
#include "process/timers.hpp"
#include "runtime/workplace.hpp"

namespace troupe::internal {
namespace {

template <class T>
T* as(message_node& node) noexcept {
  return node.type == &message_type_of<T> ? static_cast<T*>(node.payload()) : nullptr;
}

void remove_link(relations& ties, std::map<pid, relations::link>::iterator at) {
  ties.links.erase(at);
  count(&tally::links, -1);
}

// Whether a process with that setting survives the signal as a message, ignores it, or ends.
void take_exit(process_slot& slot, exit_sent& sent) {
  if (sent.linked) {
    relations& ties = ties_of(slot);
    const auto link = ties.links.find(sent.from);
    if (link == ties.links.end() || !link->second.active)  // unlinked meanwhile
      return reached(*running.home, "an exit came through a link that was taken back");
    if (link->second.id > sent.youngest_link)  // unlinked and linked again
      return reached(*running.home, "a link outlived the connection of the one before");
    remove_link(ties, link);
  } else if (sent.reason == exit_reason::kill) {
    return end_with(slot, exit_reason::killed);
  }
  if (slot.traps_exits)
    return enqueue_own(slot,
                       make_node<exit_signal>(exit_signal{sent.from, std::move(sent.reason)}));
  const bool to_itself = !sent.linked && sent.from == id_of(slot);
  if (sent.reason.what() == exit_reason::kind::normal && !to_itself) return;
  end_with(slot, std::move(sent.reason));
}

// In the order of signals a process that is ending has ended before this came. It waits in the
// mailbox and is answered with noproc once the end was told: the watcher may be told of that, too.
bool comes_too_late(const process_slot& slot, const message_node& node) noexcept {
  return slot.ending &&
         (node.type == &message_type_of<link_sent> || node.type == &message_type_of<monitor_sent>);
}

void take_link(process_slot& slot, const link_sent& sent) {
  // A link that crosses our unlink finds it inactive and must not bring it back.
  const auto [at, fresh] = ties_of(slot).links.try_emplace(sent.from);
  if (fresh)
    count(&tally::links, 1);
  else if (!at->second.active)
    reached(*running.home, "a link crossed an unlink");
}

void take_unlink(process_slot& slot, const unlink_sent& sent) {
  relations& ties = ties_of(slot);
  const auto link = ties.links.find(sent.from);
  if (link != ties.links.end() && link->second.active) {
    if (link->second.id > sent.youngest_link && sent.over != nullptr && sent.over->has_come())
      reached(*running.home, "an unlink of a lost connection met a new link");
    else
      remove_link(ties, link);
  }
  running.home->deliver(sent.from, make_node<unlink_ack_sent>(id_of(slot), sent.id));
}

void take_unlink_ack(process_slot& slot, const unlink_ack_sent& sent) {
  relations& ties = ties_of(slot);
  const auto link = ties.links.find(sent.from);
  if (link != ties.links.end() && !link->second.active && link->second.id == sent.id)
    remove_link(ties, link);
  else
    reached(*running.home, "an unlink was acknowledged when the link was set again");
}

void take_down(process_slot& slot, down_sent& sent) {
  if (ties_of(slot).monitors.erase(sent.what.ref) == 0)  // demonitored meanwhile
    return reached(*running.home, "a down came for a monitor that was taken back");
  count(&tally::monitors, -1);
  enqueue_own(slot, make_node<down>(std::move(sent.what)));
}

// It is told in a crash report: a bound that kills is there to be noticed.
void take_overflow(process_slot& slot) {
  if (slot.ending) return;
  end_with(slot, mailbox_full());
  slot.ties->reported = true;
}

void take_signal(process_slot& slot, message_node& node) {
  if (auto* m = as<exit_sent>(node)) return take_exit(slot, *m);
  if (auto* m = as<timeout_sent>(node)) return take_timeout(slot, m->token);
  if (auto* m = as<completion_sent>(node)) return take_completion(slot, m->token);
  if (auto* m = as<link_sent>(node)) return take_link(slot, *m);
  if (auto* m = as<monitor_sent>(node)) {
    ties_of(slot).watchers.emplace(m->from, m->ref);
    return;
  }
  if (auto* m = as<demonitor_sent>(node)) {
    ties_of(slot).watchers.erase({m->from, m->ref});
    return;
  }
  if (auto* m = as<down_sent>(node)) return take_down(slot, *m);
  if (auto* m = as<unlink_sent>(node)) return take_unlink(slot, *m);
  if (auto* m = as<unlink_ack_sent>(node)) return take_unlink_ack(slot, *m);
  if (auto* m = as<inspect_sent>(node)) return answer(slot, *m);
  if (auto* m = as<kept_sent>(node)) return ties_of(slot).kept.push_back(std::move(m->what));
  if (auto* m = as<timer_message_sent>(node)) return enqueue_own(slot, m->what.release());
  if (auto* m = as<hold_sent>(node)) return take_hold(slot, *m);
  if (auto* m = as<room_wanted_sent>(node)) return take_room_wanted(slot, std::move(m->what));
  if (as<room_sent>(node) != nullptr) slot.held = false;
  if (as<overflow_sent>(node) != nullptr) return take_overflow(slot);
  if (auto* m = as<cycle_probe_sent>(node)) return take_cycle_probe(slot, *m);
  if (auto* m = as<cycle_found_sent>(node)) return take_cycle_found(slot, *m);
}

// To the call that waits for it; a late one ends here.
void take_reply(process_slot& slot, message_node* node) {
  const std::uint64_t ref = static_cast<reply_header*>(node->payload())->ref;
  if (slot.ties != nullptr) {
    for (reply_slot* r = slot.ties->replies; r != nullptr; r = r->next) {
      if (r->ref != ref) continue;
      r->node = node;
      return unlink_reply(*slot.ties, *r);
    }
  }
  reached(*running.home, "a reply came too late");
  release(node);
}

void take_in(process_slot& slot, message_node* node) {
  if (observer* const watch = running.home->watch) [[unlikely]]
    watch->received(*node);
  switch (node->type->kind) {
    case message_kind::request:
      if (const reply_slot* const awaited = awaited_reply(slot)) [[unlikely]]
        probe_for_cycle(slot, *awaited, *static_cast<request_header*>(node->payload()));
      [[fallthrough]];
    case message_kind::value: enqueue(slot, node); break;
    case message_kind::reply: take_reply(slot, node); break;
    case message_kind::signal:
      if (comes_too_late(slot, *node)) {
        enqueue(slot, node);
        break;
      }
      if (is_mark(*node) && slot.first != nullptr) return enqueue(slot, node);
      take_signal(slot, *node);
      release(node);
      break;
  }
}

}  // namespace

void enqueue_own(process_slot& slot, message_node* node) {
  count(&tally::sent, 1);
  if (slot.bounded()) ties_of(slot).beyond_bound.insert(node);
  enqueue(slot, node);
}

void raise_mailbox_alarm(process_slot& slot) {
  engine& home = *running.home;
  if (home.options.mailbox_alarm == 0) return;
  if (slot.bounded() && home.table.bound_of(id_of(slot)).limited()) return;
  const std::size_t length = mailbox_length(slot);
  relations& ties = ties_of(slot);
  if (length < std::max(ties.next_alarm, home.options.mailbox_alarm)) return;
  ties.next_alarm = 2 * length;
  const message_node* oldest = slot.first;
  while (!is_mail(*oldest)) oldest = oldest->next;
  const std::string_view name = first_name(slot);
  home.log(log_level::warning,
           "process {} {} ({}) has {} messages in its mailbox, the oldest a {}: it takes them more "
           "slowly than they come; bound it by spawn_options::mailbox",
           to_string(id_of(slot)), name.empty() ? "without a name" : name, slot.what->behaviour(),
           length, oldest->type->value->name);
}

bool is_stale_request(message_node& node) {
  auto& header = *static_cast<request_header*>(node.payload());
  if (header.deadline == steady_time::max()) return false;
  const clock& time = *running.home->options.time;
  if (header.deadline - time.coarse() > time.lag() || header.deadline > time.now()) return false;
  reached(*running.home, "a request was skipped because its caller had given up");
  count(&tally::expired, 1);
  // Nobody here waits any more; a node that asked for one of its processes keeps a note until it
  // has an answer.
  if (!header.reply_to.local())
    send_failure(header, exit_reason::error("troupe::timeout", "not taken up in time"));
  header.reply_to = {};
  return true;
}

void leave_mark(engine& home, pid process, std::unique_ptr<mailbox_mark> mark) noexcept {
  home.deliver(process, make_node<mark_sent>(std::move(mark)));
}

void mark_until_room(engine& home, pid process, std::unique_ptr<mailbox_mark> mark) noexcept {
  home.deliver(process, make_node<room_wanted_sent>(std::move(mark)));
}

void end_with(process_slot& slot, exit_reason reason) noexcept {
  if (std::exchange(slot.ending, true)) return;  // the first reason counts
  ties_of(slot).reason = std::move(reason);
}

void fail_with_exception() noexcept {
  process_slot& slot = *running.slot;
  if (slot.ending) return;
  end_with(slot, exit_reason::from_current_exception());
  slot.ties->reported = !slot.ties->reason.expected();
}

void take_up(process_slot& slot) {
  for (message_node* list = slot.take_handed_over(); list != nullptr;)
    take_in(slot, std::exchange(list, list->next));
  const bool alone = slot.first == nullptr;
  message_node* list = slot.mail.take_all();
  std::size_t taken = 0;
  for (; list != nullptr; ++taken) take_in(slot, std::exchange(list, list->next));
  // There may be more than was taken now only if there was mail before; to count it takes long.
  if (taken >= running.home->options.mailbox_alarm) [[unlikely]]
    if (!alone || slot.ties == nullptr || taken >= slot.ties->next_alarm) raise_mailbox_alarm(slot);
}

}  // namespace troupe::internal
