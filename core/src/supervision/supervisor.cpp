#include "supervision/supervisor_process.hpp"

#include "process/internal_signals.hpp"
#include "runtime/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe {

start_failed::start_failed(std::string_view child, exit_reason why)
    : std::runtime_error(fmt::format("troupe: {} did not start: {}", child, to_string(why))),
      reason_(std::move(why)) {}

namespace internal {

// --- its life -----------------------------------------------------------------------------------

task<> supervisor_process::run(bool announce) {
  self_.trap_exits(true);
  co_await start_all();
  if (announce) self_.send(self_.parent(), init_done{self_.id()});
  for (;;) {
    co_await self_.receive([&](exit_signal e) { return exit_signalled(std::move(e)); },
                           [&](restart_due due) { return retry(due); },
                           [&](request<start_child> r) { return handle(std::move(r)); },
                           [&](request<terminate_child> r) { return handle(std::move(r)); },
                           [&](request<restart_child> r) { return handle(std::move(r)); },
                           [&](request<delete_child> r) { handle(std::move(r)); },
                           [&](request<which_children> r) { handle(std::move(r)); },
                           [&](request<count_children> r) { handle(std::move(r)); },
                           [&](request<get_childspec> r) { handle(std::move(r)); },
                           [&](message other) {
                             running.home->log(
                                 log_level::warning,
                                 "supervisor {} does not handle {}: the message is dropped",
                                 to_string(self_.id()), other.name());
                           });
  }
}

// In order, each when the one before is through its init; a failure stops those that run, in the
// reverse order, and is the supervisor's own.
task<> supervisor_process::start_all() {
  for (std::size_t i = 0; i < children_.size();) {
    const exit_reason failure = co_await start(children_[i]);
    const known_child& c = children_[i];
    if (failure == exit_reason::normal) {
      if (c.process || !forget_if_temporary(i)) ++i;
      continue;
    }
    report(child_event::start_error, c, failure);
    co_await end_with_children(exit_reason::error(
        "troupe::start_failed", fmt::format("child {}: {}", c.spec.id, to_string(failure))));
  }
}

task<> supervisor_process::exit_signalled(exit_signal e) {
  const bool from_above = !e.from || e.from == self_.parent();
  if (from_above) co_await end_with_children(std::move(e.reason));
  co_await child_ended(std::move(e));
}

task<> supervisor_process::child_ended(exit_signal ended) {
  const auto at = std::find_if(children_.begin(), children_.end(),
                               [&](const known_child& c) { return c.process == ended.from; });
  if (at == children_.end()) co_return;  // not a child of ours, or not any more
  report(child_event::child_terminated, *at, ended.reason);
  at->process = {};
  const child_policy policy = at->spec.policy;
  const std::size_t index = index_of(*at);
  const bool ignored = !at->spec.announces && is_ignore(ended.reason);
  if (!ignored && is_to_restart(policy.type, ended.reason)) co_return co_await this->restart(index);
  forget_if_temporary(index);
  if (ignored) co_return;
  if (policy.significant && is_over_without_it()) co_await end_with_children(exit_reason::shutdown);
}

// A significant child has ended for good. (OTP: supervisor:do_auto_shutdown/2.)
bool supervisor_process::is_over_without_it() const {
  if (how_.auto_shutdown == auto_shutdown::any_significant) return true;
  return std::none_of(children_.begin(), children_.end(), [](const known_child& c) {
    return c.spec.policy.significant && c.state() != child_state::stopped;
  });
}

task<> supervisor_process::end_with_children(exit_reason reason) {
  co_await stop_from(0);
  self_.exit(std::move(reason));
}

// --- its children -------------------------------------------------------------------------------

// Gives `normal`, or why it did not start. Without a process after `normal` it is ignored.
task<exit_reason> supervisor_process::start(known_child& c) {
  forget_restart(c);
  launch_options options;
  options.name = c.spec.name;
  options.link = true;
  options.mailbox = c.spec.policy.mailbox;
  options.priority = c.spec.policy.priority;
  options.announce = c.spec.announces;
  pid launched;
  try {
    launched = c.spec.start(*running.home, options);
  } catch (...) {
    co_return exit_reason::from_current_exception();
  }
  start_outcome outcome = co_await await_init(self_, launched, c.spec.policy, c.spec.announces);
  c.process = outcome.process;
  if (c.process && c.spec.policy.backoff) c.delay.started(self_.now());
  co_return std::move(outcome.failure);
}

task<> supervisor_process::stop(known_child& c) {
  forget_restart(c);
  if (!c.process) co_return;
  const auto unmeant = co_await stop_process(self_, c.process, c.spec.policy);
  if (unmeant) report(child_event::shutdown_error, c, *unmeant);
  c.process = {};
}

task<> supervisor_process::stop_from(std::size_t first, std::size_t but) {
  for (std::size_t i = children_.size(); i-- > first;)
    if (i != but) co_await stop(children_[i]);
}

bool supervisor_process::forget_if_temporary(std::size_t index) {
  if (children_[index].spec.policy.type != restart_type::temporary) return false;
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
  return true;
}

// Restarts a child that has ended, and with it those that the strategy names; each time counts.
// (OTP: supervisor:restart/2.)
task<> supervisor_process::restart(std::size_t index) {
  if (!intensity_.allow(self_.now())) {
    reached(*running.home, "a supervisor gave up");
    report(child_event::reached_max_restart_intensity, children_[index],
           exit_reason::error("troupe::restart_intensity", "reached"));
    co_await end_with_children(exit_reason::shutdown);
  }
  index = co_await stop_group(index);
  known_child& c = children_[index];
  if (!c.spec.policy.backoff) co_return co_await start_group(index);
  const auto wait = c.delay.next(*c.spec.policy.backoff, self_.now(), self_.random());
  c.wakes = self_.send_after(wait, self_.id(), restart_due{expect_restart(c), true});
}

// Stops those that are to be restarted with that child, and gives its index afterwards: temporary
// children that were stopped do not come back.
task<std::size_t> supervisor_process::stop_group(std::size_t index) {
  if (how_.kind == strategy_kind::one_for_one) co_return index;
  const std::size_t first = first_of_group(index);
  co_await stop_from(first, index);
  for (std::size_t i = children_.size(); i-- > first;) {
    if (i == index) continue;
    if (forget_if_temporary(i) && i < index) --index;
  }
  co_return index;
}

task<> supervisor_process::start_group(std::size_t index) {
  const bool alone = how_.kind == strategy_kind::one_for_one;
  const std::size_t end = alone ? index + 1 : children_.size();
  for (std::size_t i = alone ? index : first_of_group(index); i < end; ++i) {
    known_child& c = children_[i];
    const exit_reason failure = co_await start(c);
    if (failure != exit_reason::normal) {
      report(child_event::restart_error, c, failure);
      self_.send(self_.id(), restart_due{expect_restart(c), false});
      co_return;
    }
    if (c.process) ++c.restarts;
  }
}

task<> supervisor_process::retry(restart_due due) {
  const auto at = std::find_if(children_.begin(), children_.end(),
                               [&](const known_child& c) { return c.attempt == due.attempt; });
  if (at == children_.end()) co_return;
  if (!due.counted) co_return co_await restart(index_of(*at));
  // Others may have been started, or have ended, while it waited.
  co_await start_group(co_await stop_group(index_of(*at)));
}

void supervisor_process::forget_restart(known_child& c) {
  c.attempt = 0;
  if (c.wakes) (void)self_.cancel(std::exchange(c.wakes, {}));
}

namespace {

process supervise(context self, strategy how, std::vector<child_spec> children, bool announce) {
  supervisor_process state(self, how, std::move(children));
  co_await state.run(announce);
}

}  // namespace

void announce_started(context self) {
  if (running.slot->announces) self.send(self.parent(), init_done{self.id()});
}

pid launch_supervisor(engine& home, const launch_options& options, strategy how,
                      std::vector<child_spec> children) {
  launch_options urgent = options;  // what keeps others going is not to wait behind them
  urgent.priority = priority::high;
  return launch(home, urgent, "troupe::supervisor", supervise, how, std::move(children),
                options.announce)
      .id;
}

}  // namespace internal
}  // namespace troupe
