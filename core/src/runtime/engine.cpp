#include "runtime/engine.hpp"

#include "runtime/worker_pool.hpp"

#include <troupe/sim/simulation.hpp>

#include <stdexcept>

namespace troupe::internal {

constinit thread_local running_state running;

namespace {

system_options completed(system_options options) {
  if (options.workers == 0) options.workers = platform::core_count();
  if (options.workers > worker_pool::max_workers)
    throw std::invalid_argument(fmt::format("troupe: system_options::workers is {}; at most {}",
                                            options.workers, worker_pool::max_workers));
  if (options.max_processes == 0 || options.max_processes > process_table::max_capacity)
    throw std::invalid_argument(fmt::format("troupe: system_options::max_processes is {}; 1 to {}",
                                            options.max_processes, process_table::max_capacity));
  if (options.blocking_threads == 0)
    throw std::invalid_argument("troupe: system_options::blocking_threads must be 1 or more");
  if (options.time == nullptr) options.time = make_real_clock();
  if (options.random == nullptr) options.random = make_real_entropy();
  if (options.log == nullptr) options.log = make_stderr_log(log_level::info);
  return options;
}

}  // namespace

engine::engine(troupe::system& outer_system, system_options given)
    : outer(outer_system),
      options(completed(std::move(given))),
      table(options.max_processes),
      turns(options.simulated == nullptr ? std::make_unique<worker_pool>(*this, options.workers)
                                         : options.simulated->lodge_(*this)) {}

engine::~engine() = default;

void engine::schedule(process_slot& slot) noexcept {
  if (running.on != nullptr && running.home == this)
    running.on->wake(slot);
  else
    turns->submit(slot);
}

void engine::deliver(pid to, message_node* node) noexcept {
  if (!to.local()) return deliver(destination(to), node);
  process_slot* const slot = table.find(to);
  if (watch != nullptr) [[unlikely]]
    watch->sent(to, *node);
  if (slot == nullptr) return undelivered(to, node);
  switch (slot->mail.push(node, to.generation())) {
    case push_result::pushed: return;
    case push_result::woken: slot->hand_over(node); return schedule(*slot);
    case push_result::refused: return undelivered(to, node);
  }
}

void engine::deliver(const destination& to, message_node* node) noexcept {
  if (to.named() && to.node().empty()) return deliver(names.find(to.name()), node);
  if (!to.named() && to.id().local()) return deliver(to.id(), node);
  if (watch != nullptr) [[unlikely]]
    watch->sent_away(to, *node);
  if (distribution* carrier = remote.load(std::memory_order_acquire))
    return carrier->deliver(to, message(node));
  bounce(*this, to, message(node), exit_reason::noconnection);
}

void engine::undelivered(pid to, message_node* node) noexcept {
  if (watch != nullptr) watch->dropped(*node);
  if (node->type->kind != message_kind::signal) count(*this, &tally::dropped, 1);
  bounce(*this, to, message(node), exit_reason::noproc);
}

void tally::add_to(system_counts& sum) const noexcept {
  sum.processes += processes.load(std::memory_order_relaxed);
  sum.timers += timers.load(std::memory_order_relaxed);
  sum.links += links.load(std::memory_order_relaxed);
  sum.monitors += monitors.load(std::memory_order_relaxed);
  sum.messages_dropped += dropped.load(std::memory_order_relaxed);
}

void count(engine& home, std::atomic<std::int64_t> tally::* which, std::int64_t n) noexcept {
  if (running.at != nullptr && running.home == &home)
    tally::add(running.at->counts.*which, n);
  else
    (home.outside.*which).fetch_add(n, std::memory_order_relaxed);
}

void count(std::atomic<std::int64_t> tally::* which, std::int64_t n) noexcept {
  count(*running.home, which, n);
}

// --- the door for transports ---

void attach(engine& home, std::shared_ptr<distribution> carrier) {
  const std::lock_guard lock(home.mutex);
  home.remote.store(carrier.get(), std::memory_order_release);
  if (carrier != nullptr) home.carriers.push_back(std::move(carrier));
}

std::shared_ptr<poller> poller_of(engine& home,
                                  const std::function<std::shared_ptr<poller>()>& make) {
  const std::lock_guard lock(home.mutex);
  if (home.waits_in == nullptr) {
    home.waits_in = make();
    home.turns->attach(*home.waits_in);
  }
  return home.waits_in;
}

void deliver(engine& home, const destination& to, message what) noexcept {
  if (to.named())
    home.deliver(home.names.find(to.name()), what.release());
  else
    home.deliver(to.id(), what.release());
}

void bounce(engine& home, const destination& to, message what, const exit_reason& why) noexcept {
  const pid target = to.id();
  if (what.type().kind == message_kind::request) {
    // The header stands at the start of every request's payload.
    auto& header = *static_cast<request_header*>(what.payload());
    send_failure(header, why);
  } else if (auto* link = what.get_if<link_sent>()) {
    home.deliver(link->from, make_node<exit_sent>(target, why, true));
  } else if (auto* monitor = what.get_if<monitor_sent>()) {
    home.deliver(monitor->from, make_node<down_sent>(monitor->ref, target, why));
  } else if (auto* unlink = what.get_if<unlink_sent>()) {
    home.deliver(unlink->from, make_node<unlink_ack_sent>(target, unlink->id));
  }
}

void reached(engine& home, std::string_view what) {
  if (home.watch != nullptr) home.watch->reached(what);
}

void address_request(engine& home, message& request, pid reply_to, std::uint64_t ref,
                     std::chrono::nanoseconds timeout) {
  auto& header = *static_cast<request_header*>(request.payload());
  header.home = &home;
  header.reply_to = reply_to;
  header.ref = ref;
  header.deadline =
      timeout == infinity ? steady_time::max() : later(home.options.time->now(), timeout);
}

}  // namespace troupe::internal
