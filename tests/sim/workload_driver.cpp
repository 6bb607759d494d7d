// What a driver does.
#include "sim/workload_driver.hpp"

#include <algorithm>
#include <utility>

namespace troupe_test::workload {

using namespace std::chrono_literals;

namespace {
constexpr auto call_limit = 2s;
}

task<> driver_state::act() {
  if (to_visit_) co_await visit();
  switch (self_.random() % 22) {
    case 0:
    case 1: spawn_here(); break;
    case 2: co_await spawn_elsewhere(); break;
    case 3: co_await call_somebody(); break;
    case 4:
      if (self_.random() % 4 == 0)
        co_await meet_service();
      else
        co_await visit();
      break;
    case 5:
    case 6: send_numbers(); break;
    case 7: send_addressed(); break;
    case 8:
    case 9: watch_somebody(); break;
    case 10:
    case 11: tie(); break;
    case 12: tell_to_end(); break;
    case 13: end_somebody(); break;
    case 14: names(); break;
    case 15: timers(); break;
    case 16:
      if (self_.random() % 8 == 0)
        co_await pick_cards();
      else
        co_await flap();
      break;
    case 17:
      if (self_.random() % 8 == 0) co_await ask_for_more_than_is_offered();
      if (!run_->quiet && self_.random() % 16 == 0) here_->net().disconnect(some_node());
      break;
    case 18:
      if (self_.random() % 4 == 0)
        co_await close_ring();
      else
        co_await fill_mailbox();
      break;
    default: co_await self_.sleep(std::chrono::milliseconds(self_.random() % 500));
  }
  co_await take_mail();
}

// --- making processes ---------------------------------------------------------------------------

void driver_state::spawn_here() {
  switch (self_.random() % 4) {
    case 0: remember(self_.spawn(wanderer, self_.id())); break;
    case 1: remember(self_.spawn_link(wanderer, self_.id())); break;
    case 2: {
      const auto made = self_.spawn_monitor(wanderer, self_.id());
      expected_.insert(made.ref);
      remember(made.id);
      break;
    }
    default: {
      const std::uint64_t birth = self_.random();
      befriend(self_.spawn(bystander, birth), birth);
    }
  }
}

task<> driver_state::spawn_elsewhere() {
  const std::string where = some_node();
  try {
    if (self_.random() % 3 == 0) {
      remember(co_await here_->net().spawn_on(self_, where, "wanderer", self_.id()));
    } else {
      const std::uint64_t birth = self_.random();
      const bool link = self_.random() % 2 == 0;
      const pid made = link ? co_await here_->net().spawn_link_on(self_, where, "bystander", birth)
                            : co_await here_->net().spawn_on(self_, where, "bystander", birth);
      acquaintance& a = befriend(made, birth);
      a.linked = link;
      a.exits_due = link ? 1 : 0;
    }
    run_->w.reached("a process was spawned on another node");
  } catch (const call_error&) {
    run_->w.reached("a remote spawn failed");
  }
}

task<> driver_state::ask_for_more_than_is_offered() {
  const std::string where = some_node();
  const std::uint64_t kind = self_.random() % 3;
  try {
    if (kind == 0)
      (void)co_await here_->net().spawn_on(self_, where, "what nobody offers", self_.id());
    else if (kind == 1)
      (void)co_await here_->net().spawn_on(self_, where, "bystander", std::string("Bob"));
    else  // whose bytes are those of the right one
      (void)co_await here_->net().spawn_on(self_, where, "bystander", std::int64_t{7});
    fail("a node starts what it does not offer");
  } catch (const call_error&) {
  }
}

// --- messages -----------------------------------------------------------------------------------

task<> driver_state::call_somebody() {
  const int value = static_cast<int>(self_.random() % 1000);
  const std::string to = some_node();
  // Without a limit: the answer, or the news that there will be none, comes all the same.
  auto limit = self_.random() % 8 == 0 ? std::chrono::nanoseconds(infinity) : call_limit;
  if (to == here_->name() && self_.random() % 4 == 0) {  // it will be over when its turn comes
    self_.send(destination{"service", to}, take_a_nap{});
    limit = 300ms;
  }
  const std::int64_t not_after = to == here_->name() && limit != infinity
                                     ? later(self_.now(), limit).time_since_epoch().count()
                                     : 0;
  auto answer = co_await self_.try_call(destination{"service", to}, twice{not_after, value}, limit);
  if (answer) {
    if (*answer != 2 * value) fail("a call got the answer of another");
    co_return;
  }
  check_connection(answer.reason());
  run_->w.reached(answer.reason() == exit_reason::noconnection ? "a call met noconnection"
                  : answer.reason() == exit_reason::noproc     ? "a call met noproc"
                                                               : "a call failed otherwise");
}

// Whether a bystander is still there. If not, what hung on it must have been told by then.
task<> driver_state::visit() {
  auto at = friends_.find(std::exchange(to_visit_, pid{}));
  if (at == friends_.end()) at = some_friend();
  if (at == friends_.end()) co_return;
  const pid p = at->first;
  const std::uint64_t birth = at->second.birth;
  const std::uint64_t epoch = at->second.epoch;
  const monitor_ref ref = self_.monitor(p);
  expected_.insert(ref);
  auto answer = co_await self_.try_call(p, are_you_there{}, call_limit);
  if (answer && *answer != birth) fail("a call to one process is answered by another");
  if (answer || answer.reason() != exit_reason::noproc) co_return;
  self_.send(self_, mark{p, epoch, false});
  self_.send(self_, down_is_due{ref});
}

// A service has the same place in each life of its node, so that one is easily taken for another.
task<> driver_state::meet_service() {
  auto answer =
      co_await self_.try_call(destination{"service", some_node()}, who_are_you{}, call_limit);
  if (!answer) co_return;
  services_.push_back(*answer);
  if (services_.size() > 10) services_.erase(services_.begin());
}

void driver_state::send_numbers() {
  const std::string& to = some_node();
  std::uint64_t& number = sent_[to];
  int count = 3;
  if (self_.random() % 20 == 0) count = 100;  // more than a small queue holds
  const std::size_t filling = self_.random() % 100 == 0 ? filling_size : 0;
  for (int i = 0; i < count; ++i)
    self_.send({"service", to},
               numbered{std::string(i == 0 ? filling : 0, 'x'), here_->name(), stream_, ++number});
  if (self_.random() % 50 == 0) self_.send({"service", to}, fall_over{});
}

void driver_state::send_addressed() {
  addressed what;
  if (!services_.empty() && self_.random() % 2 == 0) {
    what = services_[self_.random() % services_.size()];
  } else {
    const auto at = some_friend();
    if (at == friends_.end()) return;
    what = {at->first, at->second.birth};
  }
  switch (self_.random() % 3) {
    case 0: self_.send(destination{"service", some_node()}, introduced{what}); break;
    case 1:
      if (what.to.local()) self_.send(what.to, token{run_->kept});
      [[fallthrough]];
    default: self_.send(what.to, what);
  }
}

// --- links, monitors, exits ---------------------------------------------------------------------

void driver_state::watch_somebody() {
  const std::uint64_t kind = self_.random() % 4;
  if (kind == 0) {
    const std::string& where = some_node();
    const monitor_ref ref = self_.monitor({"service", where});
    expected_.insert(ref);
    of_services_[ref] = where;
  } else if (kind == 1) {
    of_the_gone_.insert(*expected_.insert(self_.monitor({"nobody", some_node()})).first);
  } else if (const auto at = some_friend(); kind == 2 && at != friends_.end()) {
    expected_.insert(self_.monitor(at->first));
  } else if (const pid p = somebody()) {
    expected_.insert(self_.monitor(p));
  }
  if (self_.random() % 3 == 0 && !expected_.empty()) {
    auto at = expected_.begin();
    if (self_.random() % 2 == 0) std::advance(at, self_.random() % expected_.size());
    const monitor_ref ref = *at;
    self_.demonitor(ref);
    expected_.erase(ref);
    of_the_gone_.erase(ref);
    of_services_.erase(ref);
  }
}

void driver_state::tie() {
  if (self_.random() % 4 == 0) {
    if (const pid p = somebody()) self_.random() % 2 == 0 ? self_.link(p) : self_.unlink(p);
    return;
  }
  const auto at = some_friend();
  if (at == friends_.end()) return;
  acquaintance& a = at->second;
  ++a.epoch;
  if (!a.linked || self_.random() % 3 == 0) {
    self_.link(at->first);
    a.linked = true;
    ++a.exits_due;
  } else {
    self_.unlink(at->first);
    a.linked = false;
    self_.send(self_, mark{at->first, a.epoch, true});
  }
  // Its end may cross this.
  if (self_.random() % 4 == 0) self_.exit(at->first, exit_reason::shutdown);
}

void driver_state::tell_to_end() {
  const auto at = some_friend();
  if (at == friends_.end()) return;
  self_.send(at->first, end_yourself{self_, static_cast<ending>(self_.random() % 3)});
}

// What was sent before reaches it before: a monitor set after `kill` finds nobody.
void driver_state::end_somebody() {
  const auto at = some_friend();
  const bool is_friend = self_.random() % 2 == 0 && at != friends_.end();
  const pid p = is_friend ? at->first : somebody();
  if (!p) return;
  switch (self_.random() % 3) {
    case 0: self_.exit(p, exit_reason::normal); return;  // does nothing to who does not trap it
    case 1:
      self_.exit(p, exit_reason::shutdown);
      if (!is_friend) return;  // it may trap it
      break;
    default: self_.exit(p, exit_reason::kill);
  }
  if (p.local()) of_the_gone_.insert(*expected_.insert(self_.monitor(p)).first);
}

// --- other things -------------------------------------------------------------------------------

void driver_state::names() {
  const std::string name = "name " + std::to_string(self_.random() % 3);
  try {
    self_.register_as(name);
    if (self_.whereis(name) != self_.id()) fail("a name means another than its holder");
    self_.unregister(name);
    if (self_.whereis(name) == self_.id()) fail("a name is kept that was given back");
  } catch (const name_taken&) {
    run_->w.reached("a name was taken");
  }
}

void driver_state::timers() {
  const auto delay = std::chrono::milliseconds(self_.random() % 3000);
  const std::uint64_t number = ++last_ring_;
  rings_[number] = later(self_.now(), delay);
  const timer_ref t = self_.send_after(delay, self_.id(), ring{number});
  if (self_.random() % 2 == 0 && self_.cancel(t)) rings_.erase(number);
}

// Chooses among what waits, and finds all of it.
task<> driver_state::pick_cards() {
  for (int i = 0; i < 4; ++i) self_.send(self_, card{i});
  for (const int wanted : {2, 0, 3, 1}) {
    auto got =
        co_await self_.receive_within<card>(10s, [=](const card& c) { return c.number == wanted; });
    if (!got) fail("a message in the mailbox is not found");
  }
}

// Links and unlinks cross those of the other.
task<> driver_state::flap() {
  const int times = 4 + static_cast<int>(self_.random() % 12);
  pid other;
  if (self_.random() % 2 == 0) {
    other = self_.spawn(flapper, self_.id(), times);
  } else {
    try {
      other = co_await here_->net().spawn_on(self_, some_node(), "flapper", self_.id(), times);
    } catch (const call_error&) {
      co_return;
    }
  }
  for (int i = 0; i < times; ++i) {
    self_.random() % 2 == 0 ? self_.link(other) : self_.unlink(other);
    if (self_.random() % 4 == 0) co_await self_.yield();
    if (self_.random() % 4 == 0)
      co_await self_.sleep(std::chrono::milliseconds(self_.random() % 8));
  }
}

}  // namespace troupe_test::workload
