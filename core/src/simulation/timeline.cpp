#include "simulation/timeline.hpp"

#include "platform/forbidden_calls.hpp"
#include "process/turn.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::sim::internal {

using troupe::internal::running;
using namespace std::chrono_literals;

namespace {

// The wall clock of a run starts here, the steady one at its epoch and a second, so that "no time
// yet" is never a time.
constexpr auto wall_start =
    std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 50));
constexpr steady_time steady_start{std::chrono::seconds(1)};

class host_clock final : public clock {
 public:
  host_clock(const timeline& line, const std::chrono::nanoseconds& offset)
      : line_(line), offset_(offset) {}
  steady_time now() const noexcept override { return line_.now; }
  std::chrono::system_clock::time_point wall() const noexcept override {
    return wall_start + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                            line_.now.time_since_epoch() + offset_);
  }

 private:
  const timeline& line_;
  const std::chrono::nanoseconds& offset_;
};

class host_entropy final : public entropy {
 public:
  host_entropy(std::uint64_t seed, const std::string& host)
      : secret_(seed, "secrets of " + host), cheap_(seed, "numbers of " + host) {}
  void secret(std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(secret_.next());
  }
  std::uint64_t cheap() noexcept override { return cheap_.next(); }

 private:
  random secret_;
  random cheap_;
};

class host_log final : public log_sink {
 public:
  host_log(timeline& line, const host& of) : line_(line), of_(of) {}
  void write(log_level, std::string_view text) noexcept override {
    line_.note(&of_, std::string(text));
  }

 private:
  timeline& line_;
  const host& of_;
};

bool later_event(const event& a, const event& b) {
  return a.when != b.when ? a.when > b.when : a.number > b.number;
}

std::int64_t tick_of(steady_time t) {
  return t.time_since_epoch().count() >> troupe::internal::timer_wheel::tick_shift;
}

}  // namespace

timeline::timeline(const simulation_options& given)
    : options(given),
      now(steady_start),
      past(given.history_length),
      checking_draws(given.seed, "checks"),
      choose_(given.turns, given.seed),
      tick_(tick_of(now)) {
  past.mix(given.seed);
}

// --- hosts --------------------------------------------------------------------------------------

host& timeline::add_host(std::string name) {
  const auto index = static_cast<std::uint32_t>(hosts_.size());
  past.name_host(index, name);
  hosts_.emplace_back(new host(*this, std::move(name), index, &lodge));
  lodgings_.push_back(nullptr);
  return *hosts_.back();
}

system_options timeline::options_for(host& where) {
  system_options made;
  made.workers = 1;
  made.time = std::make_shared<host_clock>(*this, where.wall_offset_);
  made.random =
      std::make_shared<host_entropy>(options.seed, fmt::format("{} {}", where.name_, where.index_));
  made.log = std::make_shared<host_log>(*this, where);
  made.simulated = &where;
  return made;
}

std::unique_ptr<scheduler> timeline::lodge(engine& home) {
  host& where = *home.options.simulated;
  timeline& line = where.in_;
  if (line.lodgings_[where.index_] != nullptr)
    throw std::logic_error("troupe: the simulated host " + where.name_ +
                           " has a system already: add a host for each");
  auto made = std::make_unique<lodging>(line, where, where.index_, home);
  line.lodgings_[where.index_] = made.get();
  home.watch = made.get();
  return made;
}

void timeline::remove(lodging& gone) {
  lodgings_[gone.where.index_] = nullptr;
  std::erase_if(ready_, [&](const runnable& r) { return r.at == &gone; });
  const auto its = [&](const event& e) { return e.where == &gone.where; };
  std::erase_if(held_events_, its);
  std::erase_if(events_, its);
  std::make_heap(events_.begin(), events_.end(), later_event);
}

void timeline::pause(host& where) {
  if (std::exchange(where.paused_, true)) return;
  lodging* const of = lodgings_[where.index_];
  if (of == nullptr) return;
  for (const runnable& r : ready_)
    if (r.at == of) of->held.push_back(r);
  std::erase_if(ready_, [&](const runnable& r) { return r.at == of; });
}

void timeline::resume(host& where) {
  if (!std::exchange(where.paused_, false)) return;
  if (lodging* const of = lodgings_[where.index_]) {
    for (const runnable& r : of->held) add_ready(r);
    of->held.clear();
  }
  for (event& e : held_events_)
    if (e.where == &where) {
      events_.push_back(std::move(e));
      std::push_heap(events_.begin(), events_.end(), later_event);
    }
  std::erase_if(held_events_, [&](const event& e) { return e.where == &where; });
  tick_ = 0;  // its timers may be due
}

// The one whose process runs on this thread.
namespace {
constinit thread_local timeline* of_turn = nullptr;
}

void timeline::note_forbidden(const char* name) {
  violate(nullptr,
          fmt::format("{} ({}) calls {}, so the run cannot be repeated: take the time from "
                      "self.now(), sleep by co_await self.sleep(...), draw from self.random()",
                      to_string(running.home->table.id_of(*running.slot)),
                      running.slot->what == nullptr ? "" : running.slot->what->behaviour(), name));
}

// --- steps --------------------------------------------------------------------------------------

void timeline::add_ready(const runnable& r) { ready_.push_back(r); }

void timeline::at(host& where, steady_time when, std::function<void()> function) {
  events_.push_back({std::max(when, now), ++made_, &where, std::move(function)});
  std::push_heap(events_.begin(), events_.end(), later_event);
}

bool timeline::step(steady_time limit) {
  const bool stepped = quiet_step(limit);
  throw_violation();
  return stepped;
}

void timeline::throw_violation() {
  if (!violation_.empty()) throw violation(std::exchange(violation_, {}));
}

bool timeline::quiet_step(steady_time limit) {
  if (ready_.empty() && !event_due() && !move_on(limit)) return false;
  ++steps;
  if (!ready_.empty() || event_due()) {
    const std::size_t index = choose_.pick(ready_, event_due());
    if (index < ready_.size())
      run_turn(index);
    else
      run_event();
  }
  if (after_step && checking_) after_step();
  if (past.differs() != 0 && checking_)
    violate(nullptr,
            fmt::format("this run is not the recorded one: event {} differs", past.differs()));
  return true;
}

void timeline::run_turn(std::size_t index) {
  const runnable r = ready_[index];
  if (choose_.how() == schedule::in_order) {
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
  } else {
    ready_[index] = ready_.back();
    ready_.pop_back();
  }
  engine& home = r.at->home;
  past.add(now, happening::turn, r.at->where.index_, home.table.id_of(*r.slot), {}, nullptr);
  running = {.home = &home, .at = &r.at->local, .slot = r.slot, .budget = choose_.budget()};
  of_turn = this;
  platform::on_forbidden_call = [](const char* name) { of_turn->note_forbidden(name); };
  in_turn_ = true;
  const bool again = troupe::internal::take_turn(*r.slot);
  in_turn_ = false;
  platform::on_forbidden_call = nullptr;
  running = {};
  if (again) r.at->submit(*r.slot);
  pass(options.turn_cost);
}

void timeline::run_event() {
  std::pop_heap(events_.begin(), events_.end(), later_event);
  event due = std::move(events_.back());
  events_.pop_back();
  if (due.where->paused()) {
    held_events_.push_back(std::move(due));
    return;
  }
  past.add(now, happening::event, due.where->index_, {}, {0, due.number}, nullptr);
  lodging* const of = lodgings_[due.where->index_];
  if (of != nullptr) running = {.home = &of->home, .at = &of->local};
  due.run();
  due.run = nullptr;
  running = {};
}

void timeline::pass(std::chrono::nanoseconds time) {
  now += time;
  fire_timers();
}

void timeline::fire_timers() {
  if (tick_of(now) == tick_) return;
  tick_ = tick_of(now);
  for (lodging* const of : lodgings_) {
    if (of == nullptr || of->where.paused()) continue;
    running = {.home = &of->home, .at = &of->local};
    of->local.wheel.advance(
        now,
        [](void* line, timer& due) {
          auto& self = *static_cast<timeline*>(line);
          if (due.deadline > self.now) self.violate(nullptr, "a timer fires before its time");
          troupe::internal::fire(*running.home, due);
        },
        this);
    running = {};
  }
}

// Nothing can run now: to the next point at which something can.
bool timeline::move_on(steady_time limit) {
  // Each with each, the hosts of a large world have so much that it is looked at less often.
  const std::uint64_t hosts = lodgings_.size();
  if (checking_ && checking_draws.one_in(std::max(std::uint64_t{16}, hosts * hosts / 4))) at_rest();
  steady_time next = events_.empty() ? steady_time::max() : events_.front().when;
  for (const lodging* const of : lodgings_)
    if (of != nullptr && !of->where.paused() && of->local.wheel.armed() > 0)
      next = std::min(next, of->local.wheel.next_deadline());
  if (next == steady_time::max() || next > limit) return false;
  now = std::max(now, next);
  fire_timers();
  return true;
}

void timeline::at_rest() {
  for (lodging* const of : lodgings_)
    if (of != nullptr && !of->where.paused()) of->check_at_rest();
}

void timeline::end_all(host& where) {
  lodging* const of = lodgings_[where.index_];
  if (of == nullptr) return;
  engine& home = of->home;
  constexpr auto limit = std::chrono::minutes(10);
  const steady_time end = later(now, limit);
  home.table.each([&](pid p) { home.outer.exit(p, exit_reason::kill); });
  while (home.outer.counts().processes != 0)
    if (now >= end || !quiet_step(end)) {
      std::string left;
      home.table.each([&](pid p) { left += ' ' + to_string(p); });
      return violate(&where, "processes that were killed do not end:" + left);
    }
  const system_counts left = home.outer.counts();
  if (left.links != 0 || left.monitors != 0 || left.timers != 0 || left.names != 0)
    violate(&where,
            fmt::format("after the end of all processes there are {} links, {} monitors, {} "
                        "timers and {} names",
                        left.links, left.monitors, left.timers, left.names));
  const message_counts mail = home.outer.message_counts();
  if (mail.queued() != 0 || mail.queued_bytes != 0)
    violate(
        &where,
        fmt::format("after the end of all processes {} messages still wait, of {} counted bytes",
                    mail.queued(), mail.queued_bytes));
}

void timeline::violate(const host* where, std::string text) {
  if (!violation_.empty() || !checking_) return;  // what follows the first may be its effect
  violation_ = fmt::format("at {} s{}: {}", time_text(now),
                           where == nullptr ? "" : " on " + where->name_, text);
  note(where, "VIOLATION: " + text);
}

void timeline::reached(std::string_view what) {
  if (!rare.contains(what)) rare.emplace(what);
}

void timeline::note(const host* where, std::string text) {
  past.add_text(now, happening::note, where == nullptr ? ~std::uint32_t{0} : where->index_, {}, {},
                std::move(text));
}

}  // namespace troupe::sim::internal
