#include "process/turn.hpp"

#include "platform/memory.hpp"
#include "process/inspection.hpp"
#include "process/internal_signals.hpp"
#include "process/mailbox_bounds.hpp"
#include "runtime/workplace.hpp"

namespace troupe::internal {
namespace {

// What is outside the scheduler may use the frame of the process: it must complete first.
bool held_by_operation(process_slot& slot) {
  wait* const w = slot.what->waiting;
  if (w == nullptr || w->interrupt == nullptr || w->over(*w, slot)) return false;
  w->interrupt(*w);
  return true;
}

std::string links_of(const relations& ties) {
  std::string all;
  for (const auto& [peer, link] : ties.links)
    if (link.active) all += (all.empty() ? "" : " ") + to_string(peer);
  return all;
}

void report_crash(engine& home, process_slot& slot, const exit_reason& reason) {
  drain(slot);
  const std::string process = to_string(id_of(slot));
  const std::string name(first_name(slot));
  const std::string parent = to_string(slot.what->parent());
  const std::size_t mailbox = mailbox_length(slot);
  const message_type* const type = slot.what->last_message;
  const std::string last(type == nullptr || type->value == nullptr ? "none" : type->value->name);
  const report::field fields[] = {{"process", process},
                                  {"name", name},
                                  {"behaviour", std::string(slot.what->behaviour())},
                                  {"reason", to_string(reason)},
                                  {"reason_type", reason_type(reason)},
                                  {"parent", parent},
                                  {"last_message", last},
                                  {"mailbox", mailbox},
                                  {"links", links_of(*slot.ties)}};
  home.log({.level = log_level::error, .kind = "crash_report", .text = {}, .fields = fields},
           "process {} {} ({}) crashed: {}; parent {}, last message {}, mailbox length {}", process,
           name.empty() ? "without a name" : name, slot.what->behaviour(), to_string(reason),
           parent, last, mailbox);
}

void end_body(engine& home, process_slot& slot, const exit_reason& reason) noexcept {
  try {
    slot.what->terminate(reason);
  } catch (...) {
    home.log(log_level::error, "process {} ({}): terminate threw {}; it ends with {} all the same",
             to_string(id_of(slot)), slot.what->behaviour(),
             to_string(exit_reason::from_current_exception()), to_string(reason));
  }
  slot.what->destroy();  // destructors may ask for the parent
  slot.what = nullptr;
}

void tell_others(engine& home, pid self, const relations& ties, const exit_reason& reason) {
  for (const auto& [peer, link] : ties.links)
    if (link.active) home.deliver(peer, make_node<exit_sent>(self, reason, true));
  for (const auto& [watcher, ref] : ties.watchers)
    home.deliver(watcher, make_node<down_sent>(ref, self, reason));
  for (const auto& [ref, target] : ties.monitors)
    home.deliver(target, make_node<demonitor_sent>(self, ref));
}

// The end of a process. Everything that others can see of it is released before they are told, so
// that a successor cannot collide with it.
void finish(process_slot& slot) {
  engine& home = *running.home;
  const pid self = id_of(slot);
  slot.ending = true;
  relations& ties = ties_of(slot);
  const exit_reason reason = ties.reason;
  if (ties.reported) report_crash(home, slot, reason);
  end_body(home, slot, reason);
  drop_names(home, ties, self);
  cancel_all_timers(ties);
  count(&tally::links, -static_cast<std::int64_t>(ties.links.size()));
  count(&tally::monitors, -static_cast<std::int64_t>(ties.monitors.size()));

  message_node* const unread = slot.end();
  drop_kept(ties, unread);  // after the end: who enters this process somewhere now finds it ended
  answer_abandoned(slot, reason);
  if (home.watch != nullptr) {
    for (const message_node* n = unread; n != nullptr; n = n->next) home.watch->dropped(*n);
    home.watch->ended(self, reason);
  }
  tell_others(home, self, ties, reason);
  let_held_go(home, ties);
  bounce_all(home, self, std::exchange(slot.first, nullptr), reason, &ties);
  bounce_all(home, self, unread, reason);
  answer_abandoned(slot, reason);  // requests inside of messages that nobody took
  // Dies last: a thread that waits for this process finds nothing of it.
  const std::unique_ptr<relations> released(std::exchange(slot.ties, nullptr));
  if (running.at != nullptr)
    home.table.put(slot, running.at->slots);
  else
    home.table.put_shared(slot);
  count(&tally::processes, -1);  // after the slot: who sees room in the count finds it
}

}  // namespace

bool take_turn(process_slot& slot) {
  for (drain(slot);; drain(slot)) {
    if (slot.bounded()) [[unlikely]]
      drop_oldest(slot);
    if (slot.ending && !held_by_operation(slot)) {
      finish(slot);
      return false;
    }
    wait* const w = slot.what->waiting;
    if (!slot.ending && !slot.held && (w == nullptr || w->over(*w, slot))) {
      if (running.budget-- <= 0) return true;  // mail comes as fast as it is read
      if (slot.what->run(slot) == outcome::finished) {
        finish(slot);
        return false;
      }
      if (slot.ties != nullptr && !slot.ties->abandoned.empty()) answer_abandoned(slot, no_reply());
      if (slot.ending) continue;
      if (std::exchange(slot.yielded, false)) return true;
      // It waits, and has looked at all that was there (wait::ready): only new mail can wake it.
      if (slot.what->waiting == nullptr) continue;
    }
    if (slot.mail.try_idle()) return false;
  }
}

void fire(engine& home, timer& due) noexcept {
  if (!due.claim(timer_state::fired)) return;
  message_node* const node = std::exchange(due.node, nullptr);
  if (node == nullptr) return home.deliver(due.owner, make_node<timeout_sent>(due.token));
  count(&tally::timers, -1);
  const destination& to = due.target;
  const bool here = to.named() ? to.node().empty() : to.id().local();
  if (!here) return home.deliver(to, node);
  const pid process = to.named() ? home.names.find(to.name()) : to.id();
  home.deliver(process, process.bounded() ? make_node<timer_message_sent>(node) : node);
}

}  // namespace troupe::internal

namespace troupe {

internal::outcome process::promise_type::run(internal::process_slot& slot) {
  waiting = nullptr;
  const auto leaf = std::exchange(slot.leaf, nullptr);
  (leaf ? leaf : std::coroutine_handle<>(handle())).resume();
  return handle().done() ? internal::outcome::finished : internal::outcome::waiting;
}

void process::promise_type::destroy() noexcept { handle().destroy(); }

std::size_t process::promise_type::memory() const noexcept {
  const auto frame = std::coroutine_handle<const promise_type>::from_promise(*this);
  return platform::usable_size(frame.address());
}

void process::promise_type::unhandled_exception() noexcept { internal::fail_with_exception(); }

}  // namespace troupe
