#include "sim/mixed_workload.hpp"

#include "sim/workload_parts.hpp"

namespace troupe_test {

using namespace std::chrono_literals;
using namespace workload;

namespace {

constexpr auto call_limit = 2s;
// How long a node that lost its power is still seen: 1.25 of the world's tick time, and the way.
constexpr auto seen_after_power_loss = 6s;
// Two nodes may be held up for so long: less than 0.75 of the tick time, with a heartbeat before
// it.
constexpr auto forgiven = 1900ms;
constexpr std::size_t small_queue = 60;

sim::chaos_options some_chaos(sim::random& draws) {
  const auto maybe = [&](std::chrono::nanoseconds mean) {
    return draws.one_in(2) ? mean : std::chrono::nanoseconds{};
  };
  return {.partition = maybe(8s),
          .one_way = maybe(8s),
          .stall = maybe(6s),
          .cut = maybe(3s),
          .pause = maybe(8s),
          .crash = maybe(10s),
          .clock_jump = maybe(15s),
          .longest = 12s};
}

// Whether the service of each node answers a caller on each node.
bool all_reach_all(world& w, const run_state& run) {
  for (const auto& n : w.nodes()) {
    if (!n->up()) return false;
    for (const std::string& to : run.names) {
      try {
        if (n->system().call({"service", to}, twice{0, 1}, call_limit) != 2) return false;
      } catch (const call_error&) {
        return false;
      }
    }
  }
  return true;
}

void wait_for_all(world& w, const run_state& run, std::chrono::nanoseconds time) {
  const steady_time limit = later(w.now(), time);
  while (!all_reach_all(w, run)) {
    if (w.now() > limit)
      return w.fail("after all faults had ended, not all nodes reach each other in time");
    w.run_for(1s);
  }
}

void expect_full_mesh(world& w) {
  w.run_for(1s);
  for (const auto& n : w.nodes())
    if (n->net().nodes().size() != w.nodes().size() - 1)
      w.fail(n->label() + " does not see all other nodes");
}

// Every driver does something again: no call of it hangs.
void expect_progress(world& w, const run_state& run, std::chrono::nanoseconds time) {
  const steady_time start = w.now();
  const auto all_acted = [&] {
    return std::all_of(run.acted.begin(), run.acted.end(),
                       [&](const auto& a) { return a.second > start; });
  };
  if (!w.run_until(all_acted, time)) w.fail("a driver is stuck, though nothing is wrong any more");
}

void expect_nobody_lost(world& w, const std::string& why) {
  w.run_for(1s);
  for (const auto& n : w.nodes())
    if (n->net().nodes().size() != w.nodes().size() - 1)
      w.fail(n->label() + " has lost a node that " + why);
}

void expect_pauses_are_forgiven(world& w, run_state& run) {
  sim_node& one = *w.nodes()[w.chance().below(w.nodes().size())];
  sim_node& other = *w.nodes()[w.chance().below(w.nodes().size())];
  run.quiet = true;
  w.pause(one);
  w.pause(other);
  w.run_for(forgiven);
  w.resume(one);
  w.resume(other);
  expect_nobody_lost(w, "was held up for a moment");
  run.quiet = false;
}

// As on a laptop that is closed. They fall asleep one after the other and wake up so: who was held
// up itself blames nobody, not even one that it did not hear of while it was awake alone.
void expect_sleep_is_forgiven(world& w, run_state& run) {
  const auto gap = [&] {
    return w.chance().between(0ns, forgiven / static_cast<int>(w.nodes().size()));
  };
  run.quiet = true;
  for (const auto& n : w.nodes()) {
    w.pause(*n);
    w.run_for(gap());
  }
  w.run_for(1min);
  for (const auto& n : w.nodes()) {
    w.resume(*n);
    w.run_for(gap());
  }
  expect_nobody_lost(w, "slept when all did");
  run.quiet = false;
}

// Without a last word of it, the others see that it is gone.
void expect_power_loss_is_seen(world& w, run_state& run, std::chrono::nanoseconds time) {
  sim_node& lost = *w.nodes()[w.chance().below(w.nodes().size())];
  w.crash(lost, true);
  w.run_for(seen_after_power_loss);
  for (const auto& n : w.nodes()) {
    if (!n->up()) continue;
    const auto seen = n->net().nodes();
    if (std::find(seen.begin(), seen.end(), lost.name()) != seen.end())
      w.fail(n->label() + " does not see that " + lost.label() + " is silent");
    if (seen.size() != w.nodes().size() - 2) w.fail(n->label() + " lost a node that is well");
  }
  run.gone = lost.name();
  w.run_for(1s);
  run.gone.clear();
  w.restart(lost);
  wait_for_all(w, run, time);
}

void add_nodes(world& w, const std::shared_ptr<run_state>& run, std::size_t count) {
  net::node_options options;
  // Some runs have so little room for what waits that connections end by it.
  if (!run->calm && w.chance().one_in(3)) options.max_queued_messages = small_queue;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string label(1, static_cast<char>('a' + i));
    const auto boot = [run](sim_node& here) {
      if (std::find(run->names.begin(), run->names.end(), here.name()) == run->names.end())
        run->names.push_back(here.name());
      here.net().offer("wanderer", wanderer);
      here.net().offer("bystander", bystander);
      here.net().offer("flapper", flapper);
      here.system().supervise(one_for_one{.intensity = 1'000'000, .period = 1s},
                              {child("service", service, run.get(), &here).registered(),
                               child("driver", driver, run.get(), &here)});
    };
    w.add_node(label, boot, options);
  }
  run->started = true;
}

}  // namespace

void run_mixed_workload(world& w, const workload_options& options) {
  const auto run = std::make_shared<run_state>(run_state{w});
  run_under_way = run.get();
  const std::size_t count = 1 + w.chance().below(options.max_nodes);
  run->calm = w.chance().one_in(6);
  run->quiet = run->calm && w.chance().one_in(2);
  add_nodes(w, run, count);
  if (run->calm) {
    w.run_for(options.under_faults / 2);
    run->resting = true;  // for longer than a connection may be silent
    w.run_for(options.under_faults / 2);
    run->resting = false;
  } else {
    w.chaos(some_chaos(w.chance()));
    w.run_for(options.under_faults);
  }
  w.heal();
  const auto limit = 2 * options.under_faults + 60s;
  wait_for_all(w, *run, limit);
  expect_progress(w, *run, limit);
  run->resting = true;
  const bool calm = std::exchange(run->calm, false);
  run->quiet = false;
  w.run_for(1s);
  wait_for_all(w, *run, limit);
  expect_full_mesh(w);
  run->settled = true;
  w.run_for(1s);
  run->settled = false;
  expect_pauses_are_forgiven(w, *run);
  expect_sleep_is_forgiven(w, *run);
  if (count > 1) expect_power_loss_is_seen(w, *run, limit);
  w.run_for(1ms);
  run->over = true;
  w.finish();
  // A frozen node keeps what it was about to read.
  if (calm && run->kept.use_count() != 1) w.fail("a message that was sent is kept for ever");
  w.engine().throw_violation();
}

}  // namespace troupe_test
