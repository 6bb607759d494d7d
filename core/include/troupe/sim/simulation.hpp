#pragma once
// Systems in virtual time, on one thread, in an order that a seed decides: a run can be repeated
// exactly. Clusters are simulated by the world of net (troupe/net/sim.hpp), which is built on this.

#include <troupe/sim/random.hpp>
#include <troupe/system.hpp>

#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::internal {
class scheduler;
}

namespace troupe::sim {

namespace internal {
class timeline;
}

/// A promise was broken. The text says which one, when and by whom.
class violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Which of the processes that can run has the next turn.
enum class schedule : std::uint8_t {
  by_seed,     // one of the others, chosen by the seed
  in_order,    // who has waited longest
  uniform,     // any, with equal chance
  priorities,  // each has a random priority, and a few times the highest becomes the lowest (PCT)
  starve,      // some processes have a turn only rarely while others can run
};

struct simulation_options {
  std::uint64_t seed = 1;
  schedule turns = schedule::by_seed;
  /// By how much time passes with each turn, so that who waits for a time by yielding gets there.
  std::chrono::nanoseconds turn_cost = std::chrono::microseconds(1);
  /// Events kept for `history` and `trace_json`: the last ones. 0 keeps all.
  std::size_t history_length = 10'000;
};

/// One OS process of the simulation, from its start to its end: what a system needs to live in it.
/// Owned by the simulation.
class host {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// For a system (one a host) whose time, order and randomness are the simulation's. Its reports
  /// go to the history. `blocking` calls its function between two turns.
  [[nodiscard]] system_options options();
  /// Nothing in it runs until it is resumed; its clock goes on. (SIGSTOP.)
  void pause();
  void resume();
  [[nodiscard]] bool paused() const noexcept { return paused_; }
  /// The wall clock jumps; the steady clock never does.
  void move_wall_clock(std::chrono::nanoseconds by) noexcept { wall_offset_ += by; }

 private:
  friend class internal::timeline;
  friend class troupe::internal::engine;
  using lodge = std::unique_ptr<troupe::internal::scheduler> (*)(troupe::internal::engine&);
  host(internal::timeline& in, std::string name, std::uint32_t index, lodge how)
      : in_(in), lodge_(how), name_(std::move(name)), index_(index) {}
  internal::timeline& in_;
  lodge lodge_;  // a pointer, so that programs without a simulation do not contain one
  std::string name_;
  std::uint32_t index_;
  bool paused_ = false;
  std::chrono::nanoseconds wall_offset_{0};
};

/// Not for several threads. Systems in it must end before it does; while one of their functions
/// waits (`run`, `call`, `supervise`, the destructor) the simulation goes on.
class simulation {
 public:
  explicit simulation(simulation_options options = {});
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  [[nodiscard]] std::uint64_t seed() const noexcept;
  [[nodiscard]] steady_time now() const noexcept;
  /// Turns and events so far.
  [[nodiscard]] std::uint64_t steps() const noexcept;
  /// Of all that has happened: equal for runs in which the same happened at the same times.
  [[nodiscard]] std::uint64_t hash() const noexcept;

  host& add_host(std::string name);

  /// One turn of a process, or one event; if there is none now, time moves on to the next. False if
  /// there is nothing to do up to `limit`. Throws `violation`.
  bool step(steady_time limit = steady_time::max());
  /// Steps through that much time.
  void run_for(std::chrono::nanoseconds time);
  /// Until the condition holds, which is looked at after each step; false if the time is over
  /// first.
  bool run_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit);

  /// What runs now takes that much time: all that falls due meanwhile is late.
  void spend(std::chrono::nanoseconds time) noexcept;

  /// Runs the function in that host, at that time or when the host is resumed.
  void at(host& where, steady_time when, std::function<void()> function);
  /// Called after each step, for checks.
  void after_each_step(std::function<void()> check);
  /// For reports of what is done to the systems: into the history, at this time.
  void note(std::string text);
  /// Something rare has happened; the runtime itself says so of what is hard to get right.
  void reached(std::string_view what);
  [[nodiscard]] const std::set<std::string, std::less<>>& reached() const noexcept;
  /// Ends the run by a `violation` at the end of this step. For checks inside of processes.
  void fail(std::string text);
  /// Kills all processes of the host's system, waits for their end, and checks that nothing of what
  /// they had is left: links, monitors, timers, names.
  void end_all(host& where);
  /// Throws what went wrong since the last step that could throw it: those that drive a function
  /// which waits cannot.
  void throw_violation();
  /// From now on nothing is a violation: for the end of a run that has failed.
  void stop_checking() noexcept;
  /// Compares each event's hash with the recorded ones; the first that differs is a violation.
  void expect_events(std::vector<std::uint64_t> hashes);
  /// Records them from now on, for `expect_events` of another run.
  void record_events();
  [[nodiscard]] const std::vector<std::uint64_t>& events() const noexcept;

  /// What happened, for people: a sequence diagram in text, the last `lines` of it (0: all).
  [[nodiscard]] std::string history(std::size_t lines = 0) const;
  /// The same as a Chrome trace, which Perfetto shows: a track a process, arrows for messages.
  [[nodiscard]] std::string trace_json() const;

 private:
  std::unique_ptr<internal::timeline> line_;
};

}  // namespace troupe::sim
