#include <troupe/stage_demand.hpp>
#include <troupe/system.hpp>

#include "process/relations.hpp"

#include <algorithm>

namespace troupe::internal {
namespace {

std::uint64_t least_of(const subscription_options& how) {
  return how.min_demand.value_or(how.max_demand / 2);
}

void check(const subscription_options& how) {
  if (how.max_demand == 0 || least_of(how) >= how.max_demand)
    throw std::invalid_argument(
        fmt::format("troupe: a subscription's max_demand is 1 or more and its min_demand less than "
                    "that; {} and {} are given",
                    how.max_demand, least_of(how)));
}

}  // namespace

stage_subscribe_to stage_subscribe_to::from(const destination& producer,
                                            const subscription_options& how) {
  return {producer.id(), producer.name(), producer.node(), how};
}

void stage::wake() {
  if (!std::exchange(waking_, true)) self.send(self, stage_wake{});
}

void stage::drop_unhandled(const down& notice) const {
  self.system().log(log_level::warning,
                    fmt::format("stage {} does not handle troupe::down: that of {} is dropped",
                                to_string(self.id()), to_string(notice.from)));
}

subscription inlet::subscribe(context self, stage_subscribe_to wanted) {
  check(wanted.how);
  const std::uint64_t id = ++last_id_;
  join(self, id, sources_.try_emplace(id, source{.where = std::move(wanted)}).first->second);
  return {id};
}

void inlet::subscribe(context self, request<stage_subscribe_to>& wanted) {
  try {
    const subscription made = subscribe(self, std::move(*wanted));
    sources_.at(made.id).asker = std::move(wanted);
  } catch (const std::invalid_argument& wrong) {
    wanted.fail(exit_reason::error("std::invalid_argument", wrong.what()));
  }
}

// A name of this node is looked up once, so that what is watched is what is asked.
void inlet::join(context self, std::uint64_t id, source& s) {
  const bool here = !s.where.name.empty() && s.where.node.empty();
  const destination to = here                   ? destination(self.whereis(s.where.name))
                         : s.where.name.empty() ? destination(s.where.producer)
                                                : destination(s.where.name, s.where.node);
  s.watch = self.monitor(to);
  self.send(to, stage_subscribe{self.id(), id, s.where.how.to, std::string(event_)});
}

void inlet::subscribed(context self, const stage_subscribed& by) {
  const auto at = sources_.find(by.subscription);
  if (at == sources_.end() || at->second.ended) {
    self.send(by.producer, stage_cancel{self.id(), by.subscription, exit_reason::normal});
    return;
  }
  source& s = at->second;
  s.producer = by.producer;
  if (!s.where.node.empty()) {  // the name may have come to mean another process meanwhile
    self.demonitor(s.watch);
    s.watch = self.monitor(s.producer);
  }
  if (s.asker) s.asker->reply(subscription{at->first});
  s.asker.reset();
  const std::uint64_t first =
      s.where.how.manual ? std::exchange(s.to_ask, 0) : s.where.how.max_demand;
  if (first > 0) send_ask(self, at->first, s, first);
}

void inlet::send_ask(context self, std::uint64_t id, source& s, std::uint64_t events) {
  s.demand += events;
  requested_ += events;
  self.send(s.producer, stage_ask{self.id(), id, events});
}

void inlet::ask(context self, subscription which, std::uint64_t events) {
  const auto at = sources_.find(which.id);
  if (at == sources_.end() || at->second.closing || at->second.ended || events == 0) return;
  if (at->second.producer)
    send_ask(self, which.id, at->second, events);
  else
    at->second.to_ask += events;
}

void inlet::cancel(context self, subscription which, const exit_reason& why) {
  const auto at = sources_.find(which.id);
  if (at == sources_.end() || at->second.closing || at->second.ended) return;
  source& s = at->second;
  s.closing = true;
  if (s.producer) {  // it confirms, after the events that it has sent before
    self.send(s.producer, stage_cancel{self.id(), which.id, why});
  } else {
    self.demonitor(s.watch);
    s.ended = why;
  }
}

void inlet::cancelled(const stage_cancelled& which) {
  const auto at = sources_.find(which.subscription);
  if (at != sources_.end() && !at->second.ended) at->second.ended = which.reason;
}

bool inlet::ended(const down& notice) {
  const auto at = std::ranges::find_if(
      sources_, [&](const auto& entry) { return entry.second.watch == notice.ref; });
  if (at == sources_.end()) return false;
  if (!at->second.ended) at->second.ended = notice.reason;
  return true;
}

void inlet::retry(context self, const stage_retry& which) {
  const auto at = sources_.find(which.subscription);
  if (at != sources_.end() && !at->second.ended && !at->second.producer)
    join(self, at->first, at->second);
}

bool inlet::received(std::uint64_t subscription, std::size_t events) {
  const auto at = sources_.find(subscription);
  if (at == sources_.end()) return false;
  at->second.waiting += events;
  received_ += events;
  return true;
}

std::size_t inlet::batch_limit(std::uint64_t subscription) const {
  const auto at = sources_.find(subscription);
  if (at == sources_.end() || at->second.where.how.manual)
    return std::numeric_limits<std::size_t>::max();
  return at->second.where.how.max_demand - least_of(at->second.where.how);
}

// GenStage's arithmetic: demand goes down by what was handled and, once it is at the least, up to
// the most again.
void inlet::handled(context self, std::uint64_t subscription, std::size_t events) {
  const auto at = sources_.find(subscription);
  if (at == sources_.end()) return;
  source& s = at->second;
  s.waiting -= events;
  s.demand -= std::min<std::uint64_t>(s.demand, events);
  if (s.where.how.manual || s.closing || s.ended || s.demand > least_of(s.where.how)) return;
  send_ask(self, at->first, s, s.where.how.max_demand - s.demand);
}

bool inlet::end_is_due() const {
  return std::ranges::any_of(
      sources_, [](const auto& entry) { return entry.second.ended && entry.second.waiting == 0; });
}

bool inlet::ends_consumer(const source& s, const exit_reason& why) {
  const cancel_mode mode = s.where.how.cancel;
  return mode == cancel_mode::permanent || (mode == cancel_mode::transient && !why.expected());
}

void inlet::settle(context self, stage& owner) {
  for (auto at = sources_.begin(); at != sources_.end();) {
    source& s = at->second;
    if (!s.ended || s.waiting > 0) {
      ++at;
      continue;
    }
    const exit_reason why = *std::exchange(s.ended, {});
    self.demonitor(s.watch);  // a producer that has refused or confirmed lives on
    if (s.asker) {            // who asked for it is told, and nobody else
      s.asker->fail(why);
      at = sources_.erase(at);
      continue;
    }
    const bool leaves = ends_consumer(s, why);
    const subscription which{at->first};
    const auto& how = s.where.how;
    if (!leaves && !s.closing && how.retry > how.retry.zero() && !s.where.name.empty()) {
      s = source{.where = std::move(s.where)};
      self.send_after(s.where.how.retry, self, stage_retry{which.id});
      ++at;
    } else {
      at = sources_.erase(at);
    }
    owner.handle_cancel(which, why);
    if (leaves) self.exit(why);
  }
}

void inlet::count(stage_counts& into) const {
  into.producers = sources_.size();
  into.requested = requested_;
  into.received = received_;
  for (const auto& [id, s] : sources_) into.waiting += s.waiting;
}

}  // namespace troupe::internal
