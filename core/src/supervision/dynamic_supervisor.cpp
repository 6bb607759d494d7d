#include <troupe/dynamic_supervisor.hpp>

#include "process/internal_signals.hpp"
#include "runtime/engine.hpp"
#include "supervision/child_process.hpp"
#include "supervision/restart_delay.hpp"
#include "supervision/restart_intensity.hpp"

#include <map>
#include <unordered_map>

namespace troupe::internal {
namespace {

using cause = child_refused::cause;

// So many monitors are set at once while it stops, so that what they take is bounded.
constexpr std::size_t stop_batch = 4096;

// To oneself: a restart that failed is tried again, or a back-off is over. See supervisor_process.
struct dynamic_restart_due {
  std::uint64_t attempt;
  bool counted;
};
// To oneself: the children have had their time to stop.
struct stop_limit_over {};

// A child, without its pid. There may be a million: what most do not need is not in it.
struct dynamic_child {
  struct history {
    std::uint64_t restarts = 0;
    restart_delay delay;
  };
  message request;                // holds the arguments; empty for a temporary child
  std::unique_ptr<history> past;  // of a child that was restarted
};
struct restarting_child {
  dynamic_child child;
  pid was;
  timer_ref wakes;
};

class dynamic_supervisor_process {
 public:
  dynamic_supervisor_process(context self, const dynamic& how,
                             std::shared_ptr<const template_record> child)
      : self_(self), how_(how), spec_(std::move(child)), intensity_(how.intensity, how.period) {}

  task<> run(bool announce);

 private:
  task<> take(message other);
  task<> start_asked(message request);
  task<> handle(request<terminate_process> asked);
  void handle(request<which_children> asked) const;
  void handle(request<count_children> asked) const;

  task<> exit_signalled(exit_signal e);
  task<> child_ended(pid was, dynamic_child c, exit_reason why);
  task<> restart(pid was, dynamic_child c);
  task<> start_again(pid was, dynamic_child c);
  task<> retry(dynamic_restart_due due);
  task<start_outcome> start(message& request);
  void await_restart(pid was, dynamic_child c, std::chrono::nanoseconds wait, bool counted);
  task<> end_with_children(exit_reason reason);
  task<> stop_all();
  void kill_all();
  void report(child_event what, pid child, const exit_reason& why) const {
    report_child(what, {}, child, spec_->policy.type, why);
  }
  [[nodiscard]] std::size_t known() const { return children_.size() + restarting_.size(); }

  context self_;
  dynamic how_;
  std::shared_ptr<const template_record> spec_;
  restart_intensity intensity_;
  std::unordered_map<pid, dynamic_child> children_;       // that run
  std::map<std::uint64_t, restarting_child> restarting_;  // by the number of the restart due
  std::uint64_t last_attempt_ = 0;
  std::vector<message> unread_;  // what came while it stops: answered by its end
};

// --- its life -----------------------------------------------------------------------------------

task<> dynamic_supervisor_process::run(bool announce) {
  self_.trap_exits(true);
  if (announce) self_.send(self_.parent(), init_done{self_.id()});
  for (;;) {
    co_await self_.receive([&](exit_signal e) { return exit_signalled(std::move(e)); },
                           [&](dynamic_restart_due due) { return retry(due); },
                           [&](request<terminate_process> r) { return handle(std::move(r)); },
                           [&](request<which_children> r) { handle(std::move(r)); },
                           [&](request<count_children> r) { handle(std::move(r)); },
                           [](init_done) {},  // of a child that was killed in its init
                           [&](message other) { return take(std::move(other)); });
  }
}

task<> dynamic_supervisor_process::take(message other) {
  if (&other.type() == spec_->request) co_return co_await start_asked(std::move(other));
  running.home->log(log_level::warning,
                    "dynamic supervisor {} does not handle {}: the message is dropped",
                    to_string(self_.id()), other.name());
}

task<> dynamic_supervisor_process::exit_signalled(exit_signal e) {
  const bool from_above = !e.from || e.from == self_.parent();
  if (from_above) co_await end_with_children(std::move(e.reason));
  auto node = children_.extract(e.from);
  if (!node.empty()) co_await child_ended(e.from, std::move(node.mapped()), std::move(e.reason));
}

task<> dynamic_supervisor_process::child_ended(pid was, dynamic_child c, exit_reason why) {
  const child_policy& policy = spec_->policy;
  // That a session or a task is through is no news, and there may be many. (OTP: do_restart/3.)
  if (!why.expected() || policy.type == restart_type::permanent)
    report(child_event::child_terminated, was, why);
  if (!spec_->announces && is_ignore(why)) co_return;
  if (is_to_restart(policy.type, why)) co_return co_await restart(was, std::move(c));
  if (policy.significant && (how_.auto_shutdown == auto_shutdown::any_significant || known() == 0))
    co_await end_with_children(exit_reason::shutdown);
}

// --- requests -----------------------------------------------------------------------------------

task<> dynamic_supervisor_process::start_asked(message request) {
  // The header stands at the start of every request's payload.
  auto& header = *static_cast<request_header*>(request.payload());
  if (known() >= how_.max_children)
    co_return send_failure(header, refusal(self_, "without an id", cause::max_children));
  start_outcome outcome = co_await start(request);
  if (outcome.failure != exit_reason::normal)
    co_return send_failure(header, refusal(self_, "without an id", cause::start_failed, {},
                                           std::move(outcome.failure)));
  send_reply(header, make_node<reply_payload<pid>>(reply_header{header.ref}, outcome.process));
  if (!outcome.process) co_return;
  dynamic_child& added = children_[outcome.process];
  if (spec_->policy.type != restart_type::temporary) added.request = std::move(request);
}

task<> dynamic_supervisor_process::handle(request<terminate_process> asked) {
  const pid wanted = asked->process;
  if (children_.erase(wanted) != 0) {
    const auto unmeant = co_await stop_process(self_, wanted, spec_->policy);
    if (unmeant) report(child_event::shutdown_error, wanted, *unmeant);
    co_return asked.reply();
  }
  for (auto at = restarting_.begin(); at != restarting_.end(); ++at) {
    if (at->second.was != wanted) continue;
    if (at->second.wakes) (void)self_.cancel(at->second.wakes);
    restarting_.erase(at);
    co_return asked.reply();
  }
  asked.fail(refusal(self_, to_string(wanted), cause::not_found));
}

void dynamic_supervisor_process::handle(request<which_children> asked) const {
  const auto restarts = [](const dynamic_child& c) { return c.past ? c.past->restarts : 0; };
  std::vector<child_info> all;
  const std::size_t wanted = std::min(known(), asked->limit);
  all.reserve(wanted);
  for (const auto& [process, c] : children_) {
    if (all.size() == wanted) break;
    all.push_back({{}, process, child_state::running, false, restarts(c)});
  }
  for (const auto& [attempt, r] : restarting_) {
    if (all.size() == wanted) break;
    all.push_back({{}, {}, child_state::restarting, false, restarts(r.child)});
  }
  asked.reply(std::move(all));
}

void dynamic_supervisor_process::handle(request<count_children> asked) const {
  asked.reply(child_counts{.specs = known(), .active = children_.size(), .workers = known()});
}

// --- starts and restarts ------------------------------------------------------------------------

task<start_outcome> dynamic_supervisor_process::start(message& request) {
  launch_options options;
  options.link = true;
  options.mailbox = spec_->policy.mailbox;
  options.priority = spec_->policy.priority;
  options.announce = spec_->announces;
  pid launched;
  try {
    launched = spec_->start(*running.home, options, request);
  } catch (...) {
    co_return start_outcome{{}, exit_reason::from_current_exception()};
  }
  co_return co_await await_init(self_, launched, spec_->policy, spec_->announces);
}

task<> dynamic_supervisor_process::restart(pid was, dynamic_child c) {
  if (!intensity_.allow(self_.now())) {
    reached(*running.home, "a supervisor gave up");
    report(child_event::reached_max_restart_intensity, was,
           exit_reason::error("troupe::restart_intensity", "reached"));
    co_await end_with_children(exit_reason::shutdown);
  }
  if (!c.past) c.past = std::make_unique<dynamic_child::history>();
  if (!spec_->policy.backoff) co_return co_await start_again(was, std::move(c));
  const auto wait = c.past->delay.next(*spec_->policy.backoff, self_.now(), self_.random());
  await_restart(was, std::move(c), wait, true);
}

task<> dynamic_supervisor_process::start_again(pid was, dynamic_child c) {
  const start_outcome outcome = co_await start(c.request);
  if (outcome.failure != exit_reason::normal) {
    report(child_event::restart_error, was, outcome.failure);
    co_return await_restart(was, std::move(c), {}, false);
  }
  if (!outcome.process) co_return;
  ++c.past->restarts;
  if (spec_->policy.backoff) c.past->delay.started(self_.now());
  children_.emplace(outcome.process, std::move(c));
}

void dynamic_supervisor_process::await_restart(pid was, dynamic_child c,
                                               std::chrono::nanoseconds wait, bool counted) {
  restarting_child& r = restarting_[++last_attempt_];
  r.child = std::move(c);
  r.was = was;
  const dynamic_restart_due due{last_attempt_, counted};
  if (wait > std::chrono::nanoseconds::zero())
    r.wakes = self_.send_after(wait, self_.id(), due);
  else
    self_.send(self_.id(), due);
}

task<> dynamic_supervisor_process::retry(dynamic_restart_due due) {
  auto node = restarting_.extract(due.attempt);
  if (node.empty()) co_return;  // terminated meanwhile
  restarting_child& r = node.mapped();
  if (due.counted)
    co_await start_again(r.was, std::move(r.child));
  else
    co_await restart(r.was, std::move(r.child));
}

// --- the end ------------------------------------------------------------------------------------

task<> dynamic_supervisor_process::end_with_children(exit_reason reason) {
  co_await stop_all();
  self_.exit(std::move(reason));
}

void dynamic_supervisor_process::kill_all() {
  for (const auto& [process, c] : children_) self_.exit(process, exit_reason::kill);
}

// All are asked at once and have the same time (OTP: supervisor:terminate_dynamic_children/1).
// Their reasons come by their links; monitors tell that they are gone, also those that have
// unlinked themselves.
task<> dynamic_supervisor_process::stop_all() {
  const child_policy& policy = spec_->policy;
  if (policy.brutal_kill) {
    kill_all();
  } else {
    for (const auto& [process, c] : children_) self_.exit(process, exit_reason::shutdown);
    if (policy.shutdown != infinity && !children_.empty())
      self_.send_after(policy.shutdown, self_.id(), stop_limit_over{});
  }
  bool killed = policy.brutal_kill;
  auto next = children_.begin();
  for (std::size_t watched = 0; watched != 0 || next != children_.end();) {
    for (; watched < stop_batch && next != children_.end(); ++next, ++watched)
      (void)self_.monitor(next->first);
    co_await self_.receive([&](const down&) { --watched; },
                           [&](const exit_signal& e) {
                             if (e.reason.expected() || (killed && e.reason == exit_reason::killed))
                               return;
                             if (children_.contains(e.from))
                               report(child_event::shutdown_error, e.from, e.reason);
                           },
                           [&](stop_limit_over) {
                             killed = true;
                             kill_all();
                           },
                           [&](message other) { unread_.push_back(std::move(other)); });
  }
}

process supervise_dynamic(context self, dynamic how, std::shared_ptr<const template_record> child,
                          bool announce) {
  dynamic_supervisor_process state(self, how, std::move(child));
  co_await state.run(announce);
}

}  // namespace

pid launch_dynamic(engine& home, const launch_options& options, const dynamic& how,
                   std::shared_ptr<const template_record> child) {
  launch_options urgent = options;
  urgent.priority = priority::high;
  return launch(home, urgent, "troupe::dynamic_supervisor", supervise_dynamic, how,
                std::move(child), options.announce)
      .id;
}

}  // namespace troupe::internal
