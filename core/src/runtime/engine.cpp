#include "runtime/engine.hpp"

#include "runtime/worker_pool.hpp"

#include <troupe/sim/simulation.hpp>

#include <bit>
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
      budget{static_cast<std::int64_t>(options.mailbox_budget)},
      turns(options.simulated == nullptr ? std::make_unique<worker_pool>(*this, options.workers)
                                         : options.simulated->lodge_(*this)) {}

engine::~engine() = default;

void engine::schedule(process_slot& slot) noexcept {
  if (running.on != nullptr && running.home == this)
    running.on->wake(slot);
  else
    turns->submit(slot);
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

// Takes the message back out of the count of a bounded mailbox if the process has ended.
[[gnu::always_inline]] inline void engine::push(pid to, process_slot* slot, message_node* node,
                                                mailbox_bound::load counted) noexcept {
  if (is_mail(*node)) count(*this, &tally::sent, 1);
  if (watch != nullptr) [[unlikely]]
    watch->sent(to, *node);
  if (slot == nullptr) return undelivered(to, node);
  switch (slot->mail.push(node, to.generation())) {
    case push_result::pushed: return;
    case push_result::woken: slot->hand_over(node); return schedule(*slot);
    case push_result::refused:
      if (to.bounded()) table.bound_of(to).remove(counted);
      return undelivered(to, node);
  }
}

void engine::deliver(pid to, message_node* node) noexcept {
  if (!to.local() || to.bounded()) [[unlikely]]
    return deliver_uncommonly(to, node);
  push(to, table.find(to), node, {});
}

void engine::send_several(pid to, message_node* newest, message_node* oldest,
                          std::size_t count_of_them) noexcept {
  process_slot* const slot =
      to.local() && !to.bounded() && watch == nullptr ? table.find(to) : nullptr;
  auto done = push_result::refused;
  if (slot != nullptr) done = slot->mail.push(newest, oldest, to.generation());
  if (done == push_result::pushed)
    return count(*this, &tally::sent, static_cast<std::int64_t>(count_of_them));
  oldest->next = nullptr;
  message_node* list = reversed<&message_node::next>(newest);
  if (done == push_result::woken) {
    count(*this, &tally::sent, static_cast<std::int64_t>(count_of_them));
    slot->hand_over(list);
    return schedule(*slot);
  }
  while (list != nullptr) send(to, std::exchange(list, list->next));
}

void engine::deliver_uncommonly(pid to, message_node* node) noexcept {
  if (!to.local()) return deliver(destination(to), node);
  process_slot* const slot = table.find(to);
  mailbox_bound::load counted;
  if (slot != nullptr) {
    mailbox_bound& bound = table.bound_of(to);
    counted = bound.load_of(*node);
    bound.add(counted);
  }
  push(to, slot, node, counted);
}

// Counts itself in first, so that many senders together do not pass the bound.
bool engine::send_bounded(pid to, message_node* node) noexcept {
  process_slot* const slot = table.find(to);
  if (slot == nullptr) return deliver(to, node), true;
  mailbox_bound& bound = table.bound_of(to);
  const mailbox_bound::load load = bound.load_of(*node);
  const std::int64_t over = bound.add(load);
  if (over == 0) return push(to, slot, node, load), true;

  process_slot* const sender = running.home == this ? running.slot : nullptr;
  const bool itself = sender == slot;
  switch (bound.when_full()) {
    case overflow::hold_sender:
      if (sender == nullptr) break;
      push(to, slot, node, load);
      if (!itself && hold_sender()) deliver(to, make_node<hold_sent>(table.id_of(*sender)));
      return true;
    case overflow::drop_oldest:
      if (over > 1) break;
      return push(to, slot, node, load), true;
    case overflow::kill: deliver(to, make_node<overflow_sent>()); break;
    case overflow::refuse: break;
  }
  bound.remove(load);
  refuse(to, bound, node);
  return false;
}

bool engine::send_or_hold(pid to, message_node* node) noexcept {
  process_slot* const slot = to.local() && to.bounded() ? table.find(to) : nullptr;
  if (slot == nullptr || !is_mail(*node)) return send(to, node), false;
  mailbox_bound& bound = table.bound_of(to);
  if (bound.when_full() != overflow::hold_sender) return send_bounded(to, node), false;
  const mailbox_bound::load load = bound.load_of(*node);
  const bool full = bound.add(load) != 0;
  push(to, slot, node, load);
  return full;
}

pid engine::running_process() const noexcept {
  return running.home == this && running.slot != nullptr ? table.id_of(*running.slot) : pid{};
}

bool engine::hold_sender() noexcept {
  process_slot* const sender = running.home == this ? running.slot : nullptr;
  if (sender == nullptr || sender->held) return false;
  sender->held = sender->yielded = true;  // the turn ends at the next co_await
  running.budget = 0;
  return true;
}

void engine::refuse(pid to, mailbox_bound& full, message_node* node) noexcept {
  count(*this, &tally::sent, 1);
  count(*this, &tally::refused, 1);
  const std::uint64_t so_far = full.count_refused();
  if (std::has_single_bit(so_far))
    log(log_level::warning,
        "the mailbox of {}{} is full with {} messages: a {} is refused, the {}. so far{}",
        to_string(to), names.text_of(to), full.messages(), node->type->value->name, so_far,
        budget.any() ? fmt::format("; all mailboxes hold {} of the {} bytes that they may "
                                   "(system_options::mailbox_budget)",
                                   budget.used.load(std::memory_order_relaxed), budget.most)
                     : "");
  if (node->type->kind == message_kind::request)
    send_failure(*static_cast<request_header*>(node->payload()), mailbox_full());
  release(node);
}

bool engine::send(const destination& to, message_node* node) noexcept {
  if (to.named() && to.node().empty()) return send(names.find(to.name()), node);
  if (!to.named()) return send(to.id(), node);
  return send_away(to, node);
}

bool engine::send_away(const destination& to, message_node* node) noexcept {
  if (watch != nullptr) [[unlikely]]
    watch->sent_away(to, *node);
  if (distribution* carrier = remote.load(std::memory_order_acquire))
    return carrier->send(running_process(), to, message(node));
  bounce(*this, to, message(node), exit_reason::noconnection);
  return true;
}

void engine::deliver(const destination& to, message_node* node) noexcept {
  if (to.named() && to.node().empty()) return deliver(names.find(to.name()), node);
  if (!to.named() && to.id().local()) return deliver(to.id(), node);
  if (watch != nullptr) [[unlikely]]
    watch->sent_away(to, *node);
  if (distribution* carrier = remote.load(std::memory_order_acquire))
    return carrier->deliver(running_process(), to, message(node));
  bounce(*this, to, message(node), exit_reason::noconnection);
}

void engine::undelivered(pid to, message_node* node) noexcept {
  if (watch != nullptr) watch->dropped(*node);
  if (is_mail(*node)) count(*this, &tally::dropped, 1);
  bounce(*this, to, message(node), exit_reason::noproc);
}

void tally::add_to(system_counts& sum) const noexcept {
  sum.processes += processes.load(std::memory_order_relaxed);
  sum.timers += timers.load(std::memory_order_relaxed);
  sum.links += links.load(std::memory_order_relaxed);
  sum.monitors += monitors.load(std::memory_order_relaxed);
  sum.messages_dropped += dropped.load(std::memory_order_relaxed);
}

void tally::add_to(message_counts& sum) const noexcept {
  sum.sent += sent.load(std::memory_order_relaxed);
  sum.taken += taken.load(std::memory_order_relaxed);
  sum.no_receiver += dropped.load(std::memory_order_relaxed);
  sum.unread += unread.load(std::memory_order_relaxed);
  sum.expired += expired.load(std::memory_order_relaxed);
  sum.refused += refused.load(std::memory_order_relaxed);
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

void send(engine& home, const destination& to, message what) noexcept {
  home.send(to, what.release());
}

void send_several(engine& home, pid to, message_node* newest, message_node* oldest,
                  std::size_t count_of_them) noexcept {
  home.send_several(to, newest, oldest, count_of_them);
}

bool send_or_hold(engine& home, pid to, message what) noexcept {
  return home.send_or_hold(to, what.release());
}

void bounce(engine& home, const destination& to, message what, const exit_reason& why) noexcept {
  const pid target = to.id();
  if (what.type().kind == message_kind::request) {
    // The header stands at the start of every request's payload.
    auto& header = *static_cast<request_header*>(what.payload());
    send_failure(header, why);
  } else if (auto* link = what.get_if<link_sent>()) {
    home.deliver(link->from, make_node<exit_sent>(target, why, true, link->id));
  } else if (auto* monitor = what.get_if<monitor_sent>()) {
    home.deliver(monitor->from, make_node<down_sent>(monitor->ref, target, why));
  } else if (auto* unlink = what.get_if<unlink_sent>()) {
    home.deliver(unlink->from, make_node<unlink_ack_sent>(target, unlink->id));
  } else if (auto* hold = what.get_if<hold_sent>()) {
    home.deliver(hold->from, make_node<room_sent>());
  }
}

exit_reason mailbox_full() {
  return exit_reason::error("troupe::mailbox_full",
                            "more was sent than may wait in the mailbox (mailbox_limits)");
}

bool hold_sender(engine& home) noexcept { return home.hold_sender(); }

void let_go(engine& home, pid held) noexcept { home.deliver(held, make_node<room_sent>()); }

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
