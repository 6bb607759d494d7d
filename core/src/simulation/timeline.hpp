#pragma once

#include "simulation/checks.hpp"
#include "simulation/choice.hpp"
#include "simulation/history.hpp"

#include "runtime/workplace.hpp"

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace troupe::sim::internal {

using troupe::internal::blocking_job;
using troupe::internal::observer;
using troupe::internal::process_slot;
using troupe::internal::scheduler;
using troupe::internal::timer;
using troupe::internal::workplace;

class timeline;

struct event {
  steady_time when;
  std::uint64_t number;  // equal times: in the order of making
  host* where;
  std::function<void()> run;
};

// The scheduler of one simulated system, and what watches it.
class lodging final : public scheduler, public observer {
 public:
  lodging(timeline& in, host& where, std::uint32_t index, engine& home);
  ~lodging() override;

  void submit(process_slot& slot) override;
  void arm(timer& t) override;
  void attach(poller& what) override;
  void wait(std::uint32_t& word, pid process) override;
  void call(blocking_job& job) override;
  void stop() override {}
  [[nodiscard]] std::size_t workers() const noexcept override { return 1; }
  void each_tally(const std::function<void(const troupe::internal::tally&)>& visit) const override {
    visit(local.counts);
  }

  void spawned(pid process, pid parent, std::string_view behaviour) override;
  void sent(pid to, const message_node& node) override;
  void sent_away(const destination& to, const message_node& node) override;
  void dropped(const message_node& node) override;
  void received(const message_node& node) override;
  void ended(pid process, const exit_reason& reason) override;
  void reached(std::string_view what) override;

  void check_at_rest();

  host& where;
  engine& home;
  workplace local;
  std::vector<runnable> held;  // while the host is paused

 private:
  // What a check found broken, or nothing.
  void expect(std::string broken);

  timeline& in_;
  const std::uint32_t index_;
  checks checks_;
};

// The simulation itself: what can run, what is due, and the time.
class timeline {
 public:
  explicit timeline(const simulation_options& options);

  host& add_host(std::string name);
  void pause(host& where);
  void resume(host& where);
  system_options options_for(host& where);
  [[nodiscard]] static std::unique_ptr<scheduler> lodge(engine& home);

  // Throws what has gone wrong.
  bool step(steady_time limit);
  // Keeps it for the next step that may throw.
  bool quiet_step(steady_time limit);
  void throw_violation();
  void end_all(host& where);
  void at(host& where, steady_time when, std::function<void()> function);
  void violate(const host* where, std::string text);
  void note(const host* where, std::string text);
  void reached(std::string_view what);
  // Whether a process has its turn. What runs otherwise, a blocking call too, may drive the
  // simulation: it waits while others go on.
  [[nodiscard]] bool in_turn() const noexcept { return in_turn_; }
  // For the rest of a run that has failed: nothing is checked any more.
  void stop_checking() noexcept { checking_ = false; }
  [[nodiscard]] bool checking() const noexcept { return checking_; }

  const simulation_options options;
  steady_time now;
  std::uint64_t steps = 0;
  history past;
  std::set<std::string, std::less<>> rare;  // what was reached
  random checking_draws;
  std::function<void()> after_step;

 private:
  friend class lodging;
  void remove(lodging& gone);
  void note_forbidden(const char* name);
  void add_ready(const runnable& r);
  void run_event();
  void run_turn(std::size_t index);
  void pass(std::chrono::nanoseconds time);
  void fire_timers();
  bool move_on(steady_time limit);
  [[nodiscard]] bool event_due() const noexcept {
    return !events_.empty() && events_.front().when <= now;
  }
  void at_rest();

  chooser choose_;
  std::deque<runnable> ready_;
  std::vector<event> events_;       // a heap, the earliest in front
  std::vector<event> held_events_;  // of paused hosts
  std::uint64_t made_ = 0;
  std::vector<std::unique_ptr<host>> hosts_;
  std::vector<lodging*> lodgings_;
  std::int64_t tick_ = 0;  // of the timer wheels
  bool in_turn_ = false;
  bool checking_ = true;
  std::string violation_;
};

}  // namespace troupe::sim::internal
