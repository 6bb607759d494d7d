#include <troupe/supervisor.hpp>

#include "process/internal_signals.hpp"
#include "runtime/engine.hpp"
#include "supervision/restart_intensity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe {

start_failed::start_failed(std::string_view child, exit_reason why)
    : std::runtime_error(fmt::format("troupe: {} did not start: {}", child, to_string(why))),
      reason_(std::move(why)) {}

namespace internal {
namespace {

struct child {
  child_record spec;
  pid process;  // none while it does not run
};

// A restart whose start failed is tried again by a message to oneself, so that an order to shut
// down can slip in between (as in OTP).
struct retry_restart {
  std::string id;
};

// Waits until that child is through its init, or has ended in it.
struct [[nodiscard]] child_start : receive_wait {
  explicit child_start(pid started) : process(started) {
    clauses = types;
    accepts = [](receive_wait& self, message_node& node) {
      const pid wanted = static_cast<child_start&>(self).process;
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

// A supervisor process: OTP's supervisor, for children that are known when it starts.
class supervisor_process {
 public:
  supervisor_process(context self, strategy how, std::vector<child_spec> specs)
      : self_(self), how_(how), intensity_(how.intensity, how.period) {
    for (child_spec& spec : specs) children_.push_back({spec.record(), {}});
  }

  task<> run(bool announce);

 private:
  task<> start_all();
  task<bool> start(child& c, exit_reason& failure);
  task<> stop(child& c);
  task<> stop_from(std::size_t first, std::size_t but = ~std::size_t{0});
  task<> child_ended(exit_signal ended);
  task<> restart(std::size_t index);
  [[nodiscard]] bool is_over_without_it() const;
  void report(const child& c, std::string_view what, const exit_reason& why) const {
    const auto level = why.expected() ? log_level::info : log_level::error;
    self_.system().log(
        level, fmt::format("supervisor {}: child {} {} {}: {}", to_string(self_.id()), c.spec.id,
                           to_string(c.process), what, to_string(why)));
  }
  [[nodiscard]] bool from_above(const exit_signal& e) const {
    return !e.from || e.from == self_.parent();
  }

  context self_;
  strategy how_;
  restart_intensity intensity_;
  std::vector<child> children_;
};

task<> supervisor_process::run(bool announce) {
  self_.trap_exits(true);
  co_await start_all();
  if (announce) self_.send(self_.parent(), init_done{self_.id()});
  for (;;) {
    co_await self_.receive(
        [&](exit_signal e) -> task<> {
          if (from_above(e)) {
            co_await stop_from(0);
            self_.exit(e.reason);
          }
          co_await child_ended(std::move(e));
        },
        [&](retry_restart r) -> task<> {
          const auto at = std::find_if(children_.begin(), children_.end(),
                                       [&](const child& c) { return c.spec.id == r.id; });
          if (at != children_.end() && !at->process)
            co_await restart(static_cast<std::size_t>(at - children_.begin()));
        },
        [&](message other) -> task<> {
          running.home->log(log_level::warning,
                            "supervisor {} does not handle {}: the message is dropped",
                            to_string(self_.id()), other.name());
          co_return;
        });
  }
}

// In order, each when the one before is through its init; a failure stops those that run, in the
// reverse order, and is the supervisor's own.
task<> supervisor_process::start_all() {
  for (child& c : children_) {
    exit_reason failure;
    if (co_await start(c, failure)) continue;
    report(c, "did not start", failure);
    co_await stop_from(0);
    self_.exit(exit_reason::error("troupe::start_failed",
                                  fmt::format("child {}: {}", c.spec.id, to_string(failure))));
  }
}

task<bool> supervisor_process::start(child& c, exit_reason& failure) {
  launch_options options;
  options.name = c.spec.name;
  options.link = true;
  options.announce = c.spec.announces;
  try {
    c.process = c.spec.start(*running.home, options);
  } catch (...) {
    failure = exit_reason::from_current_exception();
    co_return false;
  }
  if (!c.spec.announces) co_return true;
  message outcome = co_await child_start(c.process);
  auto* ended = outcome.get_if<exit_signal>();
  if (ended == nullptr) co_return true;
  failure = std::move(ended->reason);
  c.process = {};
  co_return false;
}

// OTP's order: monitor first, because a child may have unlinked itself; then unlink, so that its
// end is told once.
task<> supervisor_process::stop(child& c) {
  const pid p = c.process;
  if (!p) co_return;
  const monitor_ref ref = self_.monitor(p);
  self_.unlink(p);
  const auto early = co_await self_.receive_within<exit_signal>(
      std::chrono::nanoseconds::zero(), [p](const exit_signal& e) { return e.from == p; });
  const auto is_ours = [ref](const down& d) { return d.ref == ref; };
  const bool asked = !c.spec.policy.brutal_kill;
  if (asked) self_.exit(p, exit_reason::shutdown);
  std::optional<down> ended;
  if (asked) ended = co_await self_.receive_within<down>(c.spec.policy.shutdown, is_ours);
  if (!ended) {
    self_.exit(p, exit_reason::kill);
    ended = co_await self_.receive<down>(is_ours);
  }
  const exit_reason& why = early ? early->reason : ended->reason;
  const bool meant = why.expected() || (!asked && why == exit_reason::killed);
  if (!meant) report(c, "was to stop and ended with", why);
  c.process = {};
}

task<> supervisor_process::stop_from(std::size_t first, std::size_t but) {
  for (std::size_t i = children_.size(); i-- > first;)
    if (i != but) co_await stop(children_[i]);
}

task<> supervisor_process::child_ended(exit_signal ended) {
  const auto at = std::find_if(children_.begin(), children_.end(),
                               [&](const child& c) { return c.process == ended.from; });
  if (at == children_.end()) co_return;  // not a child of ours, or not any more
  report(*at, "ended with", ended.reason);
  at->process = {};
  const child_policy policy = at->spec.policy;
  if (policy.type == restart_type::permanent ||
      (policy.type == restart_type::transient && !ended.reason.expected()))
    co_return co_await this->restart(static_cast<std::size_t>(at - children_.begin()));
  if (policy.type == restart_type::temporary) children_.erase(at);
  if (policy.significant && is_over_without_it()) {
    co_await stop_from(0);
    self_.exit(exit_reason::shutdown);
  }
}

// A significant child has ended for good. (OTP: supervisor:do_auto_shutdown/2.)
bool supervisor_process::is_over_without_it() const {
  if (how_.auto_shutdown == auto_shutdown::any_significant) return true;
  return std::none_of(children_.begin(), children_.end(),
                      [](const child& c) { return c.spec.policy.significant && c.process; });
}

task<> supervisor_process::restart(std::size_t index) {
  if (!intensity_.allow(self_.now())) {
    reached(*running.home, "a supervisor gave up");
    report(children_[index], "has been restarted too often: the supervisor gives up",
           exit_reason::error("troupe::restart_intensity", "reached"));
    co_await stop_from(0);
    self_.exit(exit_reason::shutdown);
  }
  std::size_t first = index;
  std::size_t end = index + 1;
  if (how_.kind != strategy_kind::one_for_one) {
    if (how_.kind == strategy_kind::one_for_all) first = 0;
    end = children_.size();
    co_await stop_from(first, index);
  }
  // Temporary children that were stopped with the others do not come back.
  for (std::size_t i = end; i-- > first;)
    if (i != index && children_[i].spec.policy.type == restart_type::temporary &&
        !children_[i].process) {
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
      --end;
      if (i < index) --index;
    }
  for (std::size_t i = first; i < end; ++i) {
    exit_reason failure;
    if (co_await start(children_[i], failure)) continue;
    report(children_[i], "did not start again", failure);
    self_.send(self_.id(), retry_restart{children_[i].spec.id});
    co_return;
  }
}

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
  return launch(home, options, "troupe::supervisor", supervise, how, std::move(children),
                options.announce)
      .id;
}

}  // namespace internal
}  // namespace troupe
