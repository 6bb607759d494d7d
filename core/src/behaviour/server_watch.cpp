// What a server costs more while somebody follows its messages, or while it wants to hear that it
// is idle.
#include "behaviour/server_body.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe::internal {

server_watch& server_body::watched() {
  if (watch == nullptr) watch = std::make_unique<server_watch>(*what);
  return *watch;
}

void server_body::watch_changed() noexcept {
  what = watch->sees_messages() ? &watch->bare : &watch->what;
}

void server_body::take_watched(const server_entry& entry, message& taken) {
  if (&entry >=
      watch->what.entries.data() + watch->what.listed)  // what a behaviour sends to itself
    return entry.handle(*self, taken, *this);
  watch->takes(taken.node());
  entry.handle(*self, taken, *this);
  if (!active.handle()) handler_ended();
}

void server_body::handler_ended() {
  if (watch->handled != nullptr && watch->idle_limit != infinity)
    watch->last_handled = running.home->options.time->now();
  watch->is_done();
}

// --- idle ---------------------------------------------------------------------------------------

void server_body::idle_after(std::chrono::nanoseconds limit) {
  if (limit != infinity && !lists(message_type_of<idle_timeout>))
    throw std::logic_error(fmt::format(
        "troupe: server {} wants to hear that it is idle: add troupe::idle_timeout to its "
        "`handles` and write a handle(troupe::idle_timeout)",
        behaviour()));
  server_watch& w = watched();
  ++w.idle_number;
  context(*running.slot).cancel(std::exchange(w.idle_timer, {}));
  w.idle_limit = std::max(limit, std::chrono::nanoseconds(1));
  w.last_handled = running.home->options.time->now();
  watch_changed();
  if (limit != infinity) arm_idle_check(w.idle_limit);
}

void server_body::arm_idle_check(std::chrono::nanoseconds limit) {
  const context me(*running.slot);
  watch->idle_timer = me.send_after(limit, me.id(), idle_check{watch->idle_number});
}

// One timer serves many messages: when it fires, it looks when the last one was.
void server_body::check_idle(std::uint64_t number) {
  server_watch& w = *watch;
  if (number != w.idle_number) return;
  const auto quiet = running.home->options.time->now() - w.last_handled;
  if (quiet < w.idle_limit) return arm_idle_check(w.idle_limit - quiet);
  dispatch(*running.slot, message::of(idle_timeout{}));
  if (number == w.idle_number) arm_idle_check(w.idle_limit);
}

}  // namespace troupe::internal

namespace troupe {

void server::idle_after(std::chrono::nanoseconds limit) const {
  (void)self.id();  // in its own process
  internal::running_server().idle_after(limit);
}

}  // namespace troupe
