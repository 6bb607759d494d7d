#include "directory/lease_guard.hpp"

#include <troupe/distribution.hpp>

#include <algorithm>

namespace troupe::net::internal {

std::chrono::nanoseconds certain_part(const lease_options& how) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(how.ttl * (1 - how.drift));
}

namespace {

// Renewals in the time in which the lease is not in danger.
constexpr int renewals = 3;
// A call to the directory is not waited for longer than this, and is made again after this pause.
constexpr std::chrono::nanoseconds call_limit = std::chrono::seconds(5);
constexpr std::chrono::nanoseconds longest_pause = std::chrono::seconds(1);
// How long a call for a change waits in the directory before it is made anew. Between two of them
// a guard sees that its owner has ended.
constexpr auto wait_time = std::chrono::seconds(5);
constexpr std::chrono::nanoseconds no_time{0};

class lease_guard {
 public:
  lease_guard(context self, lease_plan plan)
      : self_(self),
        plan_(std::move(plan)),
        certain_(certain_part(plan_.how)),
        interval_((certain_ - plan_.how.stop_time) / renewals),
        pause_(std::min(interval_ / 4, longest_pause)) {}
  [[nodiscard]] task<> run();

 private:
  enum class end : std::uint8_t { none, given_back, holder_ended, lost };

  // --- to get it
  [[nodiscard]] task<bool> obtain();
  [[nodiscard]] task<bool> owner_is_gone();
  bool note_trouble(const exit_reason& why);
  void warn(const std::string& text) const {
    if (plan_.warn) return plan_.warn(self_, text);
    self_.system().log(log_level::warning, text);
  }
  // --- to keep it
  [[nodiscard]] task<end> keep();
  [[nodiscard]] task<> wait_until(steady_time time);
  [[nodiscard]] task<> renew(steady_time sent);
  void count_from(steady_time sent);
  [[nodiscard]] steady_time tell_at() const { return end_ - plan_.how.stop_time; }
  void watch(pid process);
  void on_down(const down& what);
  // --- to end
  [[nodiscard]] task<> end_holder(const exit_reason& why);
  void give_up() const { self_.send(plan_.directory, release_name{plan_.name, held_}); }

  context self_;
  const lease_plan plan_;
  const std::chrono::nanoseconds certain_;
  const std::chrono::nanoseconds interval_;
  const std::chrono::nanoseconds pause_;
  name_holder held_;
  monitor_ref holder_;  // on the process to which the name leads
  steady_time end_;     // of the lease, as far as it is certain
  steady_time renew_at_;
  std::string trouble_;  // with the directory; empty when it has answered
  end over_ = end::none;
  std::optional<request<await_lease>> asked_;
  std::optional<request<give_back>> back_;
  std::optional<request<assign_name>> assigned_;  // until the directory knows
};

task<> lease_guard::run() {
  self_.trap_exits(true);
  co_await self_.receive([&](request<await_lease> r) { asked_.emplace(std::move(r)); },
                         [](const exit_signal&) {});
  if (!asked_) co_return;  // the owner ended before it asked
  held_ = {plan_.process, self_, 0};
  if (!co_await obtain()) co_return;
  if (plan_.process) watch(plan_.process);
  asked_->reply(held_);
  const end why = co_await keep();
  plan_.clock->until.store(0, std::memory_order_release);
  if (why == end::lost) {
    const lease_lost lost{plan_.name, held_.token};
    warn("the lease of '" + plan_.name + "' could not be kept, so its holder ends: " +
         (trouble_.empty() ? "the directory has given it up, because it was restarted or did not "
                             "hear from this node in time"
                           : trouble_));
    co_await end_holder(exit_reason::of(lost));
    give_up();
    if (!back_) self_.exit(exit_reason::of(lost));
  }
  if (why == end::holder_ended) co_await end_holder(exit_reason::kill);
  give_up();
  if (!back_) co_return;
  self_.unlink(plan_.owner);
  back_->reply();
}

// --- to get it ----------------------------------------------------------------------------------

// Whether an exit signal has come. Only the owner has a link; others who send one mean it, too.
task<bool> lease_guard::owner_is_gone() {
  co_return (co_await self_.receive_within<exit_signal>(no_time)).has_value();
}
task<bool> lease_guard::obtain() {
  for (;;) {
    const steady_time sent = self_.now();
    auto now = co_await self_.try_call(plan_.directory,
                                       claim_name{plan_.name, plan_.process, self_, plan_.how.ttl},
                                       std::min(interval_, call_limit));
    if (co_await owner_is_gone()) {
      give_up();
      co_return false;
    }
    if (now) trouble_.clear();
    if (now && now->guard == self_.id()) {
      held_ = *now;
      count_from(sent);
      if (self_.now() < tell_at()) co_return true;
    } else if (now ? !plan_.waits : (!plan_.waits || now.reason().type() == directory_fault)) {
      give_up();  // a claim without an answer may have been heard
      self_.unlink(plan_.owner);
      if (now)
        asked_->reply(std::nullopt);
      else
        asked_->fail(now.reason());
      co_return false;
    } else if (now) {
      (void)co_await self_.try_call(plan_.directory, await_change{plan_.name, *now}, wait_time);
    } else {
      if (note_trouble(now.reason()))
        warn("the name '" + plan_.name + "' cannot be claimed yet: " + trouble_);
      co_await self_.sleep(pause_);
    }
  }
}

// Why the directory does not answer; true if that is new.
bool lease_guard::note_trouble(const exit_reason& why) {
  std::string text = to_string(plan_.directory) + " does not answer (" + to_string(why) +
                     "); see that it runs and can be reached";
  return std::exchange(trouble_, text) != text;
}

// --- to keep it ---------------------------------------------------------------------------------

void lease_guard::count_from(steady_time sent) {
  end_ = later(sent, certain_);
  renew_at_ = later(sent, interval_);
  plan_.clock->until.store(end_.time_since_epoch().count(), std::memory_order_release);
}

void lease_guard::watch(pid process) {
  if (holder_) self_.demonitor(holder_);
  holder_ = self_.monitor(process);
  held_.process = process;
}

task<lease_guard::end> lease_guard::keep() {
  for (;;) {
    co_await wait_until(std::min(renew_at_, tell_at()));
    if (over_ != end::none) co_return over_;
    const steady_time now = self_.now();
    if (now >= tell_at()) co_return end::lost;
    if (now >= renew_at_) co_await renew(now);
  }
}

// Or until something has happened.
task<> lease_guard::wait_until(steady_time time) {
  const auto limit = std::max(time - self_.now(), no_time);
  co_await self_.receive([&](const exit_signal&) { over_ = end::holder_ended; },
                         [&](const down& d) { on_down(d); },
                         [&](request<give_back> r) {
                           back_.emplace(std::move(r));
                           over_ = end::given_back;
                         },
                         [&](request<assign_name> r) {
                           watch(r->process);
                           assigned_.emplace(std::move(r));
                           renew_at_ = self_.now();
                         },
                         after(limit, [] {}));
}

void lease_guard::on_down(const down& what) {
  if (what.ref != holder_) return;
  holder_ = {};
  over_ = end::holder_ended;
}

task<> lease_guard::renew(steady_time sent) {
  const auto limit = std::min({interval_, call_limit, tell_at() - sent});
  auto kept =
      co_await self_.try_call(plan_.directory, keep_name{plan_.name, held_, plan_.how.ttl}, limit);
  if (!kept) {
    note_trouble(kept.reason());
    renew_at_ = self_.now() + pause_;
  } else if (!*kept) {
    trouble_.clear();
    over_ = end::lost;
  } else {
    trouble_.clear();
    count_from(sent);
    if (assigned_) assigned_->reply();
    assigned_.reset();
  }
}

// --- to end -------------------------------------------------------------------------------------

// When this returns, the process to which the name leads has ended, or its owner has given it back.
task<> lease_guard::end_holder(const exit_reason& why) {
  if (!holder_) co_return;
  self_.exit(held_.process, why);
  bool told_to_die = false;
  while (holder_ && !back_) {
    const auto limit = told_to_die ? infinity : std::max(end_ - self_.now(), no_time);
    co_await self_.receive([&](const down& d) { on_down(d); },
                           [&](request<give_back> r) { back_.emplace(std::move(r)); },
                           after(limit, [&] {
                             told_to_die = true;
                             self_.exit(held_.process, exit_reason::kill);
                           }));
  }
}

}  // namespace

process guard_lease(context self, lease_plan plan) {
  lease_guard guard(self, std::move(plan));
  co_await guard.run();
}

}  // namespace troupe::net::internal
