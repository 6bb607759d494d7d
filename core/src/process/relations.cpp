#include "process/relations.hpp"

#include "process/internal_signals.hpp"
#include "process/process_watch.hpp"
#include "process/timers.hpp"

namespace troupe::internal {

relations::relations() = default;
relations::~relations() = default;

relations& ties_of(process_slot& slot) {
  if (slot.ties == nullptr) slot.ties = new relations;
  return *slot.ties;
}

std::uint64_t next_number(process_slot& slot) { return ++ties_of(slot).last_number; }

pid id_of(const process_slot& slot) noexcept { return running.home->table.id_of(slot); }

void answer_abandoned(process_slot& slot, const exit_reason& reason) noexcept {
  if (slot.ties == nullptr) return;
  for (request_header& request : slot.ties->abandoned) send_failure(request, reason);
  slot.ties->abandoned.clear();
}

void bounce_all(engine& home, pid self, message_node* list, const exit_reason& reason,
                const relations* ties) noexcept {
  while (list != nullptr) {
    message_node* const node = list;
    list = node->next;
    const bool called = node->type->kind == message_kind::request;
    if (is_mail(*node)) count(home, &tally::unread, 1);
    if (self.bounded() && (ties == nullptr || !ties->beyond_bound.contains(node))) {
      mailbox_bound& bound = home.table.bound_of(self);
      bound.remove(bound.load_of(*node));
    }
    bounce(home, self, message(node), called ? reason : exit_reason::noproc);
  }
}

void cancel_all_timers(relations& ties) noexcept {
  for (const auto& [ref, t] : ties.timers) disarm(t);
  ties.timers.clear();
  if (ties.wake_up != nullptr) disarm(std::exchange(ties.wake_up, nullptr));
}

void drop_names(engine& home, relations& ties, pid self) noexcept {
  for (const std::string& name : ties.names) home.names.remove(name, self);
  ties.names.clear();
}

void drop_kept(relations& ties, message_node* unread) noexcept {
  ties.kept.clear();
  for (message_node* n = unread; n != nullptr; n = n->next)
    if (n->type == &message_type_of<kept_sent>) static_cast<kept_sent*>(n->payload())->what.reset();
}

void keep_until_end(engine& home, pid process, std::unique_ptr<kept_until_end> what) {
  if (running.home == &home && running.slot != nullptr && id_of(*running.slot) == process)
    ties_of(*running.slot).kept.push_back(std::move(what));
  else
    home.deliver(process, make_node<kept_sent>(std::move(what)));
}

}  // namespace troupe::internal
