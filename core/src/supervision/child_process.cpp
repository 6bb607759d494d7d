#include "supervision/child_process.hpp"

#include "process/internal_signals.hpp"
#include "runtime/engine.hpp"

namespace troupe::internal {
namespace {

// Waits until that child is through its init, or has ended in it.
struct [[nodiscard]] init_wait : receive_wait {
  explicit init_wait(pid started) : process(started) {
    clauses = types;
    accepts = [](receive_wait& self, message_node& node) {
      const pid wanted = static_cast<init_wait&>(self).process;
      if (node.type == &message_type_of<init_done>)
        return static_cast<init_done*>(node.payload())->child == wanted;
      return static_cast<exit_signal*>(node.payload())->from == wanted;
    };
  }
  static constexpr std::array<const message_type*, 2> types = {&message_type_of<init_done>,
                                                               &message_type_of<exit_signal>};
  [[nodiscard]] bool await_ready() { return ready(); }
  void await_suspend(std::coroutine_handle<> leaf) { suspend(leaf); }
  [[nodiscard]] message await_resume() { return message(std::exchange(match, nullptr)); }
  pid process;
};

}  // namespace

task<start_outcome> await_init(context /*self*/, pid launched, bool announces) {
  if (!announces) co_return start_outcome{launched, {}};
  message outcome = co_await init_wait(launched);
  auto* ended = outcome.get_if<exit_signal>();
  if (ended == nullptr) co_return start_outcome{launched, {}};
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

}  // namespace troupe::internal
