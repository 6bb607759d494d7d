#include <troupe/net/remote_function.hpp>

namespace troupe::net::internal {

void function_server::note(pid runs_it, pid caller, steady_time deadline) {
  call made;
  if (caller) {  // none if it was sent, not called
    made.caller = self.monitor(caller);
    callers_.emplace(made.caller, runs_it);
  }
  if (deadline != steady_time::max())
    made.deadline = self.send_after(deadline - self.now(), self, call_expired{runs_it});
  calls_.emplace(runs_it, made);
}

void function_server::handle(const down& caller) {
  const auto at = callers_.find(caller.ref);
  if (at != callers_.end()) self.exit(at->second, exit_reason::kill);
}

// With the word for it, should the caller hear of this before it has looked at its own clock; and
// for what traps exits the one that nothing can trap.
void function_server::handle(const call_expired& run) {
  if (!calls_.contains(run.runs_it)) return;
  self.exit(run.runs_it, exit_reason::error("troupe::timeout", "not done within the time allowed"));
  self.exit(run.runs_it, exit_reason::kill);
}

void function_server::handle(const exit_signal& run) {
  const auto at = calls_.find(run.from);
  if (at == calls_.end()) return;
  if (at->second.caller) {
    self.demonitor(at->second.caller);
    callers_.erase(at->second.caller);
  }
  if (at->second.deadline.id != 0) (void)self.cancel(at->second.deadline);
  calls_.erase(at);
}

}  // namespace troupe::net::internal
