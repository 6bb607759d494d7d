// What sys asks of a process that is a function, and of the behaviours that are written as one. It
// answers where it receives, whatever it receives there. (OTP: sys:handle_system_msg/6, which each
// special process has to call itself.)
#include "process/internal_signals.hpp"
#include "process/process_watch.hpp"

#include <array>

namespace troupe::internal {
namespace {

process_watch& watch_of(process_slot& slot) {
  relations& ties = ties_of(slot);
  if (ties.watch == nullptr) ties.watch = std::make_unique<process_watch>();
  return *ties.watch;
}

void take(request<visit> asked, process_slot& slot) {
  asked.fail(exit_reason::error(
      "troupe::sys::wrong_class",
      fmt::format("process {} runs {}, which has no state to look at: only a server has",
                  to_string(id_of(slot)), slot.what->behaviour())));
}
void take(request<sys::suspend> asked, process_slot& slot) {
  slot.suspended = true;
  asked.reply();
}
void take(request<sys::resume> asked, process_slot& slot) {
  slot.suspended = false;
  asked.reply();
}
void take(request<sys::get_status> asked, process_slot& slot) {
  const process_watch* const watch = slot.ties == nullptr ? nullptr : slot.ties->watch.get();
  take(std::move(asked), slot, slot.suspended, watch);
}
template <class T>
  requires std::same_as<T, sys::statistics> || std::same_as<T, sys::trace>
void take(request<T> asked, process_slot& slot) {
  process_watch& watch = watch_of(slot);
  take(std::move(asked), watch);
  slot.followed = watch.sees_messages();
}
// A process that traps exits stops as it does for who started it; the mail before that comes first.
void take(request<sys::terminate> asked, process_slot& slot) {
  const pid self = id_of(slot);
  const pid from = slot.traps_exits ? pid() : self;
  running.home->deliver(self, make_node<exit_sent>(from, asked->reason, false));
  asked.reply();
}

struct system_entry {
  const message_type* type;
  void (*take)(message& asked, process_slot& slot);
};
template <class T>
constexpr system_entry entry_for = {
    &message_type_of<request<T>>,
    [](message& asked, process_slot& slot) { take(std::move(*asked.get_if<request<T>>()), slot); }};
constexpr std::array table = {entry_for<visit>,           entry_for<sys::suspend>,
                              entry_for<sys::resume>,     entry_for<sys::get_status>,
                              entry_for<sys::statistics>, entry_for<sys::trace>,
                              entry_for<sys::terminate>};

}  // namespace

bool is_for_sys(const process_slot& slot, const message_node& node) noexcept {
  return node.type->for_every_process && slot.what->answers_in_receive();
}

void answer_for_sys(process_slot& slot, message_node* asked) {
  message owner(asked);
  for (const system_entry& entry : table)
    if (entry.type == &owner.type()) return entry.take(owner, slot);
}

}  // namespace troupe::internal
