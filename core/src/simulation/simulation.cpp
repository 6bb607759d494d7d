#include <troupe/sim/simulation.hpp>

#include "simulation/timeline.hpp"

namespace troupe::sim {

system_options host::options() { return in_.options_for(*this); }
void host::pause() { in_.pause(*this); }
void host::resume() { in_.resume(*this); }

simulation::simulation(simulation_options options)
    : line_(std::make_unique<internal::timeline>(options)) {}
simulation::~simulation() = default;

std::uint64_t simulation::seed() const noexcept { return line_->options.seed; }
steady_time simulation::now() const noexcept { return line_->now; }
std::uint64_t simulation::steps() const noexcept { return line_->steps; }
std::uint64_t simulation::hash() const noexcept { return line_->past.hash(); }

host& simulation::add_host(std::string name) { return line_->add_host(std::move(name)); }

bool simulation::step(steady_time limit) { return line_->step(limit); }

void simulation::run_for(std::chrono::nanoseconds time) {
  const steady_time end = later(now(), time);
  while (now() < end && step(end)) {
  }
  line_->now = std::max(line_->now, end);
}

bool simulation::run_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit) {
  const steady_time end = later(now(), limit);
  while (!holds()) {
    if (now() >= end) return false;
    if (!step(end)) line_->now = end;
  }
  return true;
}

void simulation::spend(std::chrono::nanoseconds time) noexcept { line_->now += time; }

void simulation::at(host& where, steady_time when, std::function<void()> function) {
  line_->at(where, when, std::move(function));
}

void simulation::after_each_step(std::function<void()> check) {
  line_->after_step = std::move(check);
}
void simulation::reached(std::string_view what) { line_->reached(what); }
const std::set<std::string, std::less<>>& simulation::reached() const noexcept {
  return line_->rare;
}
void simulation::note(std::string text) { line_->note(nullptr, std::move(text)); }
void simulation::fail(std::string text) { line_->violate(nullptr, std::move(text)); }
void simulation::end_all(host& where) { line_->end_all(where); }
void simulation::throw_violation() { line_->throw_violation(); }
void simulation::stop_checking() noexcept { line_->stop_checking(); }

void simulation::expect_events(std::vector<std::uint64_t> hashes) {
  line_->past.expected = std::move(hashes);
}
void simulation::record_events() { line_->past.recording = true; }
const std::vector<std::uint64_t>& simulation::events() const noexcept { return line_->past.hashes; }

std::string simulation::history(std::size_t lines) const { return line_->past.diagram(lines); }
std::string simulation::trace_json() const { return line_->past.trace_json(); }

}  // namespace troupe::sim
