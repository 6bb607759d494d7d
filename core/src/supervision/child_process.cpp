#include "supervision/child_process.hpp"

#include "process/inspection.hpp"
#include "process/internal_signals.hpp"
#include "process/relations.hpp"
#include "process/timers.hpp"

namespace troupe::internal {
namespace {

// Waits until that child is through its init, or has ended in it; no longer than the limit.
class [[nodiscard]] init_wait : public receive_wait {
 public:
  init_wait(pid started, std::chrono::nanoseconds limit) : process_(started), limit_(limit) {
    take(types);
    accepts = [](receive_wait& self, message_node& node) {
      const pid wanted = static_cast<init_wait&>(self).process_;
      if (node.type == &message_type_of<init_done>)
        return static_cast<init_done*>(node.payload())->child == wanted;
      return static_cast<exit_signal*>(node.payload())->from == wanted;
    };
  }
  [[nodiscard]] bool await_ready() { return ready_within(limit_); }
  // A constructor that does not return holds the worker up, and with it the timers there.
  void await_suspend(std::coroutine_handle<> leaf) {
    if (match == nullptr && limit_ != infinity) {
      deadline = later(running.home->options.time->now(), limit_);
      wake_by_from_elsewhere(*running.slot, deadline);
    }
    suspend(leaf);
  }
  [[nodiscard]] message await_resume() { return message(std::exchange(match, nullptr)); }

 private:
  static constexpr std::array<const message_type*, 2> types = {&message_type_of<init_done>,
                                                               &message_type_of<exit_signal>};
  pid process_;
  std::chrono::nanoseconds limit_;
};

// What a child ends with that is not needed.
struct start_ignored {
  friend bool operator==(const start_ignored&, const start_ignored&) = default;
};

// Kills a child whose init takes too long. Waits for its end, so that its name is free when it is
// tried again. What it has sent meanwhile comes from a stranger.
task<exit_reason> give_up(context self, pid child, std::chrono::nanoseconds limit) {
  const monitor_ref ref = self.monitor(child);
  self.unlink(child);
  self.exit(child, exit_reason::kill);
  (void)co_await self.receive_within<down>(limit, [ref](const down& d) { return d.ref == ref; });
  self.demonitor(ref);
  const auto in_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  co_return exit_reason::error(
      "troupe::start_timeout",
      fmt::format("its init took longer than the {} ms of start_within", in_ms.count()));
}

}  // namespace

bool is_to_restart(restart_type type, const exit_reason& why) {
  return type == restart_type::permanent || (type == restart_type::transient && !why.expected());
}

bool is_ignore(const exit_reason& reason) { return reason.get_if<start_ignored>() != nullptr; }

task<start_outcome> await_init(context self, pid launched, const child_policy& policy,
                               bool announces) {
  if (!announces) co_return start_outcome{launched, {}};
  message told = co_await init_wait(launched, policy.start_limit);
  if (!told) co_return start_outcome{{}, co_await give_up(self, launched, policy.start_limit)};
  auto* ended = told.get_if<exit_signal>();
  if (ended == nullptr) co_return start_outcome{launched, {}};
  if (is_ignore(ended->reason)) co_return start_outcome{};
  co_return start_outcome{{}, std::move(ended->reason)};
}

// OTP's order: monitor first, because a child may have unlinked itself; then unlink, so that its
// end is told once.
task<std::optional<exit_reason>> stop_process(context self, pid child, const child_policy& policy) {
  const monitor_ref ref = self.monitor(child);
  self.unlink(child);
  const auto early = co_await self.receive_within<exit_signal>(
      std::chrono::nanoseconds::zero(), [child](const exit_signal& e) { return e.from == child; });
  const auto is_ours = [ref](const down& d) { return d.ref == ref; };
  const bool asked = !policy.brutal_kill;
  if (asked) self.exit(child, exit_reason::shutdown);
  std::optional<down> ended;
  if (asked) ended = co_await self.receive_within<down>(policy.shutdown, is_ours);
  if (!ended) {
    self.exit(child, exit_reason::kill);
    ended = co_await self.receive<down>(is_ours);
  }
  exit_reason& why = ended->reason;
  if (early) why = early->reason;
  if (why.expected() || (!asked && why == exit_reason::killed)) co_return std::nullopt;
  co_return std::move(why);
}

namespace {

struct event_words {
  std::string_view context;
  std::string_view text;
};
constexpr event_words words_of(child_event what) {
  switch (what) {
    case child_event::start_error: return {"start_error", "did not start"};
    case child_event::restart_error: return {"start_error", "did not start again"};
    case child_event::child_terminated: return {"child_terminated", "ended with"};
    case child_event::shutdown_error: return {"shutdown_error", "was to stop and ended with"};
    case child_event::reached_max_restart_intensity:
      return {"reached_max_restart_intensity",
              "has been restarted too often: the supervisor gives up"};
  }
  return {};
}
constexpr std::string_view text_of(restart_type type) {
  switch (type) {
    case restart_type::permanent: return "permanent";
    case restart_type::transient: return "transient";
    case restart_type::temporary: return "temporary";
  }
  return {};
}

}  // namespace

void report_child(child_event what, std::string_view id, pid process, restart_type type,
                  const exit_reason& why) {
  const process_slot& slot = *running.slot;
  const auto [context, text] = words_of(what);
  const std::string supervisor = to_string(id_of(slot));
  const std::string child = to_string(process);
  const report::field fields[] = {{"supervisor", supervisor},
                                  {"name", std::string(first_name(slot))},
                                  {"context", std::string(context)},
                                  {"child", std::string(id)},
                                  {"process", child},
                                  {"reason", to_string(why)},
                                  {"reason_type", reason_type(why)},
                                  {"restart", std::string(text_of(type))}};
  running.home->log({.level = why.expected() ? log_level::info : log_level::error,
                     .kind = "supervisor_report",
                     .text = {},
                     .fields = fields},
                    "{}supervisor {}: child {}{}{} {}: {}", id.empty() ? "dynamic " : "",
                    supervisor, id, id.empty() ? "" : " ", child, text, to_string(why));
}

}  // namespace troupe::internal

namespace troupe {

exit_reason ignore() { return exit_reason::shutdown_with(internal::start_ignored{}); }

}  // namespace troupe
