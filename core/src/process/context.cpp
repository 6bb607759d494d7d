#include <troupe/context.hpp>

#include "process/misuse.hpp"
#include "process/own_queue.hpp"
#include "process/timers.hpp"

#include <cstdlib>
#include <stdexcept>

namespace troupe {
namespace internal {

process_slot& own_slot(process_slot* of_context) noexcept {
  if (of_context == running.slot) [[likely]]
    return *of_context;
  end_for_misuse();
}

void end_for_misuse() noexcept {
  const auto log =
      running.home != nullptr ? running.home->options.log : make_stderr_log(log_level::error);
  log->write(
      log_level::error,
      "a troupe::context was used outside its own process: a context, and what captures it, "
      "must stay in the process that it was given to. Use troupe::system from other threads, "
      "and send messages to other processes. The program ends here.");
  std::abort();
}

bool send(pid to, message_node* node) noexcept {
  if (running.home == nullptr) [[unlikely]]
    end_for_misuse();
  return running.home->send(to, node);
}
bool send(const destination& to, message_node* node) noexcept {
  if (running.home == nullptr) [[unlikely]]
    end_for_misuse();
  return running.home->send(to, node);
}
bool send_from(engine& home, const destination& to, message_node* node) noexcept {
  return home.send(to, node);
}

}  // namespace internal

using internal::count;
using internal::make_node;
using internal::own_slot;
using internal::process_slot;
using internal::relations;
using internal::tally;
using internal::ties_of;

context context::current() {
  if (internal::running.slot == nullptr)
    throw std::logic_error(
        "troupe: no process runs on this thread: a server is made by spawn<S>(...), not by hand");
  return context(*internal::running.slot);
}

pid context::id() const noexcept { return internal::id_of(own_slot(slot_)); }
pid context::parent() const noexcept { return own_slot(slot_).what->parent(); }
internal::engine& context::home() const noexcept {
  (void)own_slot(slot_);
  return *internal::running.home;
}
troupe::system& context::system() const noexcept { return home().outer; }
steady_time context::now() const noexcept { return home().options.time->now(); }
std::uint64_t context::random() const noexcept { return home().options.random->cheap(); }

// --- links, monitors, exits ---------------------------------------------------------------------

void context::link(pid to) const {
  process_slot& slot = own_slot(slot_);
  const pid self = id();
  if (to == self) return;
  auto [at, fresh] = ties_of(slot).links.try_emplace(to);
  if (fresh) count(&tally::links, 1);
  if (!fresh && at->second.active) return;
  // An unlink under way no longer counts: its ack will find another id.
  at->second = {true, internal::next_number(slot)};
  home().deliver(to, make_node<internal::link_sent>(self, at->second.id));
}

void context::unlink(pid to) const {
  process_slot& slot = own_slot(slot_);
  if (slot.ties == nullptr) return;
  const auto at = slot.ties->links.find(to);
  if (at == slot.ties->links.end() || !at->second.active) return;
  at->second = {false, internal::next_number(slot)};
  home().deliver(to, make_node<internal::unlink_sent>(id(), at->second.id));
}

monitor_ref context::monitor(const destination& target) const {
  process_slot& slot = own_slot(slot_);
  const monitor_ref ref{internal::next_number(slot)};
  const pid self = id();
  destination to = target;
  if (to.named() && to.node().empty()) to = destination(home().names.find(to.name()));
  if (!to.named() && to.id() == self) return ref;
  ties_of(slot).monitors.emplace(ref, to);
  count(&tally::monitors, 1);
  home().deliver(to, make_node<internal::monitor_sent>(self, ref));
  return ref;
}

monitor_ref internal::promise_monitor(const destination& where) {
  process_slot& slot = *running.slot;
  const monitor_ref ref{next_number(slot)};
  ties_of(slot).monitors.emplace(ref, where);
  count(&tally::monitors, 1);
  return ref;
}

void internal::monitors_now(monitor_ref promised, pid process) {
  const auto at = running.slot->ties->monitors.find(promised);
  if (at != running.slot->ties->monitors.end()) at->second = destination(process);
}

void context::demonitor(monitor_ref ref) const {
  process_slot& slot = own_slot(slot_);
  if (slot.ties == nullptr) return;
  const auto at = slot.ties->monitors.find(ref);
  if (at != slot.ties->monitors.end()) {
    home().deliver(at->second, make_node<internal::demonitor_sent>(id(), ref));
    slot.ties->monitors.erase(at);
    count(&tally::monitors, -1);
    return;
  }
  // It has fired: the `down` may wait in the mailbox, and must not be seen after this.
  for (internal::message_node** at_node = &slot.first; *at_node != nullptr;
       at_node = &(*at_node)->next) {
    internal::message_node* const node = *at_node;
    if (node->type != &message_type_of<down> || static_cast<down*>(node->payload())->ref != ref)
      continue;
    return internal::release(internal::unlink_node(slot, at_node));
  }
}

void context::exit(pid to, const exit_reason& reason) const {
  home().deliver(to, make_node<internal::exit_sent>(id(), reason, false));
}

bool context::trap_exits(bool on) const {
  process_slot& slot = own_slot(slot_);
  const bool before = slot.traps_exits;
  slot.traps_exits = on;
  return before;
}

// --- names --------------------------------------------------------------------------------------

void context::register_as(std::string_view name) const {
  process_slot& slot = own_slot(slot_);
  if (name.empty()) throw std::invalid_argument("troupe: a registered name must not be empty");
  relations& ties = ties_of(slot);
  if (const pid holder = home().names.add(name, id())) throw name_taken(name, holder);
  ties.names.emplace_back(name);
}

void context::unregister(std::string_view name) const {
  process_slot& slot = own_slot(slot_);
  if (home().names.remove(name, id())) std::erase(slot.ties->names, name);
}

pid context::whereis(std::string_view name) const { return home().names.find(name); }

// --- time ---------------------------------------------------------------------------------------

timer_ref context::arm_send(std::chrono::nanoseconds delay, const destination& to,
                            internal::message_node* node) const {
  process_slot& slot = own_slot(slot_);
  relations& ties = ties_of(slot);
  if (ties.timers.size() >= ties.timers_to_sweep) {  // let go of those that have fired
    std::erase_if(ties.timers, [](const auto& entry) {
      if (entry.second->armed()) return false;
      internal::let_go(entry.second);
      return true;
    });
    ties.timers_to_sweep = std::max<std::size_t>(64, 2 * ties.timers.size());
  }
  const timer_ref ref{internal::next_number(slot)};
  ties.timers.emplace(ref, internal::arm_send(home(), later(now(), delay), id(), node, to));
  return ref;
}

bool context::cancel(timer_ref ref) const {
  process_slot& slot = own_slot(slot_);
  if (slot.ties == nullptr) return false;
  const auto at = slot.ties->timers.find(ref);
  if (at == slot.ties->timers.end()) return false;
  internal::timer* const t = at->second;
  slot.ties->timers.erase(at);
  return internal::disarm(t);
}

task<> context::sleep_for(std::chrono::nanoseconds time) {
  internal::sleep_wait sleep;
  sleep.arm(time);
  co_await sleep;
}

}  // namespace troupe
