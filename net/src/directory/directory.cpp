#include <troupe/net/directory.hpp>

#include <stdexcept>

#include "directory/lease_guard.hpp"

namespace troupe::net {
namespace {

// How long a call for a change waits in the directory before it is made anew.
constexpr auto wait_time = std::chrono::seconds(30);
// Between two tries while the directory does not answer.
constexpr auto retry_pause = std::chrono::seconds(1);

task<result<name_holder>> ask(context self, const destination& at, const std::string& name,
                              const std::optional<name_holder>& known) {
  if (!known) co_return co_await self.try_call(at, find_name{name});
  co_return co_await self.try_call(at, await_change{name, *known}, wait_time);
}

process ask_for_changes(context self, destination at, std::string name, pid to) {
  std::optional<name_holder> known;
  for (;;) {
    auto now = co_await ask(self, at, name, known);
    if (!now) {
      if (now.reason().type() != "troupe::timeout") co_await self.sleep(retry_pause);
      continue;
    }
    if (known == *now) continue;
    known = *now;
    self.send(to, name_changed{name, *now});
  }
}

// Ends with the process that watches, also if that ends with `normal`, and ends what asks with it.
process watch_name(context self, destination at, std::string name, pid to) {
  self.trap_exits(true);
  self.spawn_link(ask_for_changes, std::move(at), std::move(name), to);
  co_await self.receive<exit_signal>();
  self.exit(exit_reason::shutdown);
}

}  // namespace

directory::directory(destination at, lease_options how) : at_(std::move(at)), how_(how) {
  if (how.drift < 0 || how.drift >= 1)
    throw std::invalid_argument("lease_options::drift is a part of the time: 0 to 1");
  if (how.stop_time < std::chrono::nanoseconds::zero() ||
      internal::certain_part(how) <= how.stop_time)
    throw std::invalid_argument(
        "lease_options: ttl, less drift, must be longer than stop_time, or no time is left in "
        "which the name is held");
}

task<std::optional<lease>> internal::take_lease(lease_plan plan, context self) {
  plan.owner = self;
  plan.clock = std::make_shared<lease_clock>();
  // A busy node is no reason to lose a lease.
  const pid guard =
      self.spawn_with({.link = true, .priority = priority::high}, guard_lease, plan).id;
  auto taken = co_await self.try_call(guard, await_lease{}, infinity);
  if (!taken) {
    self.unlink(guard);
    self.exit(guard, exit_reason::shutdown);
    throw call_error("troupe::net::claim_name", to_string(plan.directory), taken.reason());
  }
  if (!*taken) co_return std::nullopt;
  co_return lease(std::move(plan.name), **taken, std::move(plan.clock));
}

task<lease> directory::claim(context self, std::string name) const {
  co_return *co_await internal::take_lease(
      {.directory = at_, .how = how_, .name = std::move(name), .process = self, .waits = true},
      self);
}

task<std::optional<lease>> directory::try_claim(context self, std::string name) const {
  return internal::take_lease(
      {.directory = at_, .how = how_, .name = std::move(name), .process = self}, self);
}

task<> directory::release(context self, const lease& held) const {
  (void)co_await self.try_call(held.guard(), internal::give_back{}, infinity);  // or it is lost
}

task<> directory::assign(context self, const lease& held, pid process) const {
  co_await self.call(held.guard(), internal::assign_name{process}, infinity);
}

task<name_holder> directory::find(context self, std::string name) const {
  co_return co_await self.call(at_, find_name{std::move(name)});
}

pid directory::watch(context self, std::string name) const {
  return self.spawn_link(watch_name, at_, std::move(name), self.id());
}

}  // namespace troupe::net
