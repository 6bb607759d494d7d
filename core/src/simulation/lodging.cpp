// One simulated system: where its engine's requests to a scheduler go, and what is seen of it.
#include "simulation/timeline.hpp"

#include "process/turn.hpp"
#include "runtime/blocking_pool.hpp"

#include <cstdlib>
#include <stdexcept>

namespace troupe::sim::internal {

using troupe::internal::running;

namespace {

// All wheels tick at the same times.
steady_time wheel_start(steady_time now) {
  constexpr auto tick = std::int64_t{1} << troupe::internal::timer_wheel::tick_shift;
  return steady_time(std::chrono::nanoseconds(now.time_since_epoch().count() / tick * tick));
}

// Also while it is ending, when its slot is already the next one's.
pid running_process(const engine& home) {
  if (running.slot == nullptr || running.home != &home) return {};
  pid p = home.table.id_of(*running.slot);
  if (p.generation() % 2 == 0) p.id -= std::uint64_t{1} << 32;
  return p;
}

}  // namespace

lodging::lodging(timeline& in, host& at, std::uint32_t index, engine& of)
    : where(at), home(of), local(wheel_start(in.now)), in_(in), index_(index) {}

lodging::~lodging() {
  expect(checks_.at_end());
  in_.remove(*this);
}

void lodging::submit(process_slot& slot) {
  const runnable r{&slot, this, home.table.id_of(slot).id * 31 + index_};
  if (where.paused())
    held.push_back(r);
  else
    in_.add_ready(r);
}

void lodging::arm(timer& t) {
  t.home = &local.wheel;
  local.wheel.arm(t);
}

void lodging::attach(poller&) {
  throw std::logic_error(
      "troupe: a simulated system has no sockets: give the node the simulation's transport");
}

// Whoever waits has given the process references to its own frame: it leaves only when the word is
// set. What goes wrong meanwhile is thrown by the next step.
void lodging::wait(std::uint32_t& word, pid process) {
  if (in_.in_turn())
    throw std::logic_error(
        "troupe: system::call, run and supervise wait on a thread and must not be used inside a "
        "simulated process: co_await self.call(...) there");
  while (word == 0 && in_.quiet_step(steady_time::max())) {
  }
  if (word != 0) return;
  in_.stop_checking();
  where.resume();
  home.deliver(process, troupe::internal::make_node<troupe::internal::exit_sent>(
                            pid{}, exit_reason::kill, false));
  while (word == 0 && in_.quiet_step(steady_time::max())) {
  }
  constexpr auto text =
      "troupe: this waits for a process that will never run again: the simulation has come to a "
      "stop (is its host paused?)";
  if (word != 0) throw std::logic_error(text);
  home.options.log->write(log_level::error, text);
  std::abort();
}

void lodging::call(blocking_job& job) {
  in_.at(where, in_.now, [&job] {
    running = {};  // it is outside of all processes, and may wait for one
    job.run();
    const completion done = job.done;  // the job may be gone once it is told
    done();
  });
}

void lodging::spawned(pid process, pid parent, std::string_view behaviour) {
  in_.past.name_process(index_, process, behaviour);
  in_.past.add(in_.now, happening::spawned, index_, process, parent, nullptr);
  if (in_.checking()) expect(checks_.spawned(process));
}

void lodging::sent(pid to, const message_node& node) {
  const pid from = running_process(home);
  in_.past.add(in_.now, happening::sent, index_, to, from, node.type);
  if (in_.checking()) expect(checks_.sent(from, to, node));
}

void lodging::sent_away(const destination& to, const message_node& node) {
  in_.past.add_text(in_.now, happening::sent_away, index_, running_process(home), {}, to_string(to),
                    node.type);
}

void lodging::dropped(const message_node& node) {
  in_.past.add(in_.now, happening::dropped, index_, running_process(home), {}, node.type);
  if (in_.checking()) expect(checks_.dropped(node));
}

void lodging::received(const message_node& node) {
  const pid by = running_process(home);
  in_.past.add(in_.now, happening::received, index_, by, {}, node.type);
  if (in_.checking()) expect(checks_.received(by, node));
}

void lodging::ended(pid process, const exit_reason& reason) {
  expect(checks_.ended(process));
  in_.past.mix(static_cast<std::uint64_t>(reason.what()));
  in_.past.add_text(in_.now, happening::ended, index_, process, {}, to_string(reason));
}

void lodging::reached(std::string_view what) { in_.reached(what); }

void lodging::check_at_rest() { expect(checks_.at_rest(home)); }

void lodging::expect(std::string broken) {
  if (!broken.empty()) in_.violate(&where, std::move(broken));
}

}  // namespace troupe::sim::internal
