// What a driver is told, and what it must be told.
#include "sim/workload_driver.hpp"

#include <algorithm>
#include <limits>

namespace troupe_test::workload {

using namespace std::chrono_literals;

task<> driver_state::rest() {
  co_await take_mail();
  if (run_->settled && !of_the_gone_.empty()) fail("a down for nobody is lost");
  if (std::any_of(of_services_.begin(), of_services_.end(),
                  [&](const auto& m) { return m.second == run_->gone; }))
    fail("a down for a process of a lost node is lost");
}

// Now all that the other did is known here: what this one does last is what holds.
void driver_state::take(const flapped& m) {
  acquaintance& a = befriend(m.who, 0);
  a.exits_due = std::numeric_limits<int>::max() / 2;  // more may be added
  a.linked = self_.random() % 4 != 0;
  if (a.linked) {
    self_.link(m.who);
  } else {
    self_.unlink(m.who);
    self_.send(self_, mark{m.who, a.epoch, true});
  }
  self_.exit(m.who, exit_reason::kill);
  to_visit_ = m.who;
}

task<> driver_state::take_mail() {
  for (;;) {
    const bool more = co_await self_.receive(
        [&](const down& d) { return take(d), true; },
        [&](const exit_signal& e) { return take(e), true; },
        [&](const mark& m) { return take(m), true; },
        [&](const down_is_due& m) {
          if (expected_.contains(m.ref)) fail("a down is lost");
          return true;
        },
        [&](const last_words& m) {
          if (const auto at = friends_.find(m.from); at != friends_.end()) at->second.spoke = true;
          return true;
        },
        [&](const ring& r) { return take(r), true; },
        [&](const flapped& m) { return take(m), true; },
        [&](const message& m) { return fail("it gets a " + std::string(m.name())), true; },
        after(0ms, [] { return false; }));
    if (!more) co_return;
  }
}

// Each monitor gives one down, and none after it was taken back.
void driver_state::take(const down& d) {
  of_services_.erase(d.ref);
  if (expected_.erase(d.ref) == 0) fail("a down for no monitor, or a second one");
  if (of_the_gone_.erase(d.ref) != 0 && d.reason != exit_reason::noproc &&
      d.reason != exit_reason::noconnection)
    fail("a process that was to be gone lived on: it ended with " + to_string(d.reason));
  if (d.reason == exit_reason::noconnection) run_->w.reached("a down by noconnection");
  check_connection(d.reason);
  check_reason(d.from, d.reason);
}

void driver_state::take(const exit_signal& e) {
  if (e.reason == exit_reason::noconnection) run_->w.reached("a link broke by noconnection");
  check_connection(e.reason);
  check_reason(e.from, e.reason);
  const auto at = friends_.find(e.from);
  if (at == friends_.end()) return;
  if (at->second.exits_due-- == 0) fail("an exit signal through no link, or a second one");
  at->second.linked = false;
}

// A bystander ends for few reasons, and speaks before it ends for one of them.
void driver_state::check_reason(pid from, const exit_reason& why) {
  const auto at = friends_.find(from);
  if (at == friends_.end()) return;
  if (why.what() == exit_reason::kind::normal || why.what() == exit_reason::kind::user)
    fail("a bystander ends with " + to_string(why));
  if (why.what() != exit_reason::kind::error && why.what() != exit_reason::kind::kill) return;
  if (why.what() == exit_reason::kind::error && why.text() != told_to_fail)
    fail("a bystander ends with " + to_string(why));
  if (!at->second.spoke) fail("the end of a process comes before its last message");
}

void driver_state::take(const mark& m) {
  const auto at = friends_.find(m.who);
  if (at == friends_.end() || at->second.epoch != m.epoch) return;
  if (m.unlinked)
    at->second.exits_due = 0;
  else if (at->second.linked)
    fail("an exit signal is lost: its link is up and the other is gone");
}

void driver_state::take(const ring& r) {
  const auto at = rings_.find(r.number);
  if (at == rings_.end()) return fail("a timer fires twice, or after it was cancelled");
  if (self_.now() < at->second) fail("a timer fires too early");
  rings_.erase(at);
}

namespace {

// Who traps exits is ended by nobody here.
struct guard {
  run_state* run;
  bool may_end = false;
  ~guard() {
    if (!may_end && !run->over) run->w.fail("a driver, which traps exits, was ended");
  }
};

}  // namespace

process driver(context self, run_state* run, sim_node* here) {
  self.trap_exits(true);
  guard alive{run};
  driver_state state(self, run, here);
  while (run->calm && !run->started) co_await self.sleep(10ms);
  for (;;) {
    run->acted[here->name()] = self.now();
    if (run->resting) {
      co_await self.sleep(500ms);
      co_await state.rest();
      continue;
    }
    co_await state.act();
    if (self.random() % 200 == 0) {
      alive.may_end = true;
      throw std::runtime_error("a driver gives up");
    }
  }
}

}  // namespace troupe_test::workload
