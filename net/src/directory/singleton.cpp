#include <troupe/net/singleton.hpp>

#include <optional>

#include "directory/lease_guard.hpp"

namespace troupe::net {
namespace {

using record = troupe::internal::child_record;

class singleton_keeper {
 public:
  singleton_keeper(context self, const directory& names, std::string name,
                   std::shared_ptr<const record> child)
      : self_(self), names_(names), name_(std::move(name)), child_(std::move(child)) {}
  // One time that the child runs here, from waiting for the name to its end.
  [[nodiscard]] task<> run();

 private:
  [[nodiscard]] pid start() const;
  [[nodiscard]] task<exit_reason> await_end(const lease& held, pid child);
  [[nodiscard]] task<> stop(pid child) const;
  [[nodiscard]] task<> await_guard(pid guard);

  context self_;
  const directory names_;
  const std::string name_;
  const std::shared_ptr<const record> child_;
  std::optional<exit_reason> asked_to_stop_;
};

pid singleton_keeper::start() const {
  troupe::internal::launch_options options;
  options.name = child_->name;
  options.link = true;
  options.priority = child_->policy.priority;
  options.mailbox = child_->policy.mailbox;
  return child_->start(self_.system().home(), options);
}

task<> singleton_keeper::run() {
  const lease held = *co_await internal::take_lease(
      {.directory = names_.at(), .how = names_.how(), .name = name_, .process = {}, .waits = true},
      self_);
  self_.trap_exits(true);
  self_.system().log(log_level::info, "'" + name_ + "' runs here from now on");
  const pid child = start();
  const exit_reason why = co_await await_end(held, child);
  if (why.get_if<lease_lost>() != nullptr) {
    co_await await_guard(held.guard());
  } else {
    co_await names_.release(self_, held);
    if (!asked_to_stop_) self_.exit(why);
  }
  if (asked_to_stop_) self_.exit(*asked_to_stop_);
  self_.trap_exits(false);
  // What came before that is to end this process as well.
  while (auto late = co_await self_.receive_within<exit_signal>(std::chrono::nanoseconds{0}))
    if (late->from != child && late->from != held.guard()) self_.exit(late->reason);
}

// With which reason the child has ended, or was ended: a lost lease, too.
task<exit_reason> singleton_keeper::await_end(const lease& held, pid child) {
  // The guard answers when the directory knows, and fails if the lease is over before.
  auto known = self_.send_request(held.guard(), internal::assign_name{child}, infinity);
  auto signal = co_await self_.receive<exit_signal>();
  if (signal.from == child) co_return signal.reason;
  co_await stop(child);
  if (signal.from != held.guard()) asked_to_stop_ = signal.reason;
  co_return signal.reason;
}

// As a supervisor does.
task<> singleton_keeper::stop(pid child) const {
  const monitor_ref ref = self_.monitor(child);
  const auto is_its = [ref](const down& d) { return d.ref == ref; };
  self_.unlink(child);
  if (!child_->policy.brutal_kill) {
    self_.exit(child, exit_reason::shutdown);
    if (co_await self_.receive_within<down>(child_->policy.shutdown, is_its)) co_return;
  }
  self_.exit(child, exit_reason::kill);
  (void)co_await self_.receive<down>(is_its);
}

task<> singleton_keeper::await_guard(pid guard) {
  const monitor_ref ref = self_.monitor(guard);
  (void)co_await self_.receive<down>([ref](const down& d) { return d.ref == ref; });
}

process keep_singleton(context self, directory names, std::string name,
                       std::shared_ptr<const record> child) {
  for (;;) {
    singleton_keeper once(self, names, name, child);
    co_await once.run();
  }
}

}  // namespace

child_spec singleton(const directory& names, std::string name, child_spec child) {
  // What a supervisor must know of the child it must know of what keeps it here.
  record kept = troupe::child(child.record().id, keep_singleton, names, std::move(name),
                              std::make_shared<const record>(child.record()))
                    .record();
  kept.policy.type = child.record().policy.type;
  kept.policy.backoff = child.record().policy.backoff;
  kept.policy.significant = child.record().policy.significant;
  kept.policy.shutdown = infinity;
  kept.policy.shutdown_given = true;
  return child_spec(std::move(kept));
}

}  // namespace troupe::net
