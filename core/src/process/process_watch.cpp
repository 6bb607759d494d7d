#include "process/process_watch.hpp"

#include "process/inspection.hpp"
#include "runtime/workplace.hpp"

namespace troupe::internal {
namespace {

void tell(const process_watch& watch, sys::traced::what event, std::string text) {
  const pid self = id_of(*running.slot);
  if (watch.traces_to) {
    send(watch.traces_to, make_node<sys::traced>(sys::traced{self, event, std::move(text)}));
    return;
  }
  running.home->log(log_level::info, "trace {}: {} {}", to_string(self),
                    event == sys::traced::what::taken ? "takes" : "has handled", text);
}

}  // namespace

void process_watch::takes(const message_node& message) {
  handled = message.type->value;
  if (counts) {
    ++counts->messages;
    if (message.type->kind == message_kind::request) ++counts->requests;
  }
  if (traced)
    tell(*this, sys::traced::what::taken,
         to_text(*handled,
                 static_cast<const std::byte*>(message.payload()) + message.type->value_offset));
}

void process_watch::is_done() {
  const type_info* const was = std::exchange(handled, nullptr);
  if (was != nullptr && traced) tell(*this, sys::traced::what::handled, std::string(was->name));
}

void take(request<sys::get_status> asked, process_slot& slot, bool suspended,
          const process_watch* watch) {
  const inspection seen = inspect(slot);
  sys::status told{.process = id_of(slot),
                   .name = seen.name,
                   .behaviour = seen.behaviour,
                   .parent = slot.what->parent(),
                   .suspended = suspended,
                   .mailbox = seen.mailbox};
  if (watch != nullptr) {
    told.traced = watch->traced;
    told.statistics = watch->counts;
    if (told.statistics)
      told.statistics->counted_for = running.home->options.time->now() - watch->counted_since;
  }
  asked.reply(std::move(told));
}

void take(request<sys::statistics> asked, process_watch& watch) {
  watch.counts.reset();
  if (asked->on) {
    watch.counts.emplace();
    watch.counted_since = running.home->options.time->now();
  }
  asked.reply();
}

void take(request<sys::trace> asked, process_watch& watch) {
  if (asked->on && asked->to == id_of(*running.slot))
    return asked.fail(exit_reason::error("std::invalid_argument",
                                         "a process cannot be traced by itself: name another one"));
  watch.traced = asked->on;
  watch.traces_to = asked->to;
  asked.reply();
}

}  // namespace troupe::internal
