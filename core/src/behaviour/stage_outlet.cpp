#include <troupe/stage_demand.hpp>
#include <troupe/system.hpp>

#include "process/relations.hpp"

#include <algorithm>

namespace troupe::internal {

outlet::outlet(way how, std::size_t lanes, const producer_options& options, std::string_view event)
    : accumulating(options.accumulate),
      kind(how),
      lane_count(lanes),
      settings(options),
      event_(event) {
  if (lanes == 0)
    throw std::invalid_argument("troupe: a producer needs 1 partition or more, 0 are given");
  if (options.buffer_size == 0)
    throw std::invalid_argument("troupe: a producer's buffer_size is 1 or more, 0 is given");
}

std::vector<outlet::taker>::iterator outlet::find(pid consumer, std::uint64_t subscription) {
  return std::ranges::find_if(takers, [&](const taker& t) {
    return t.consumer == consumer && t.subscription == subscription;
  });
}

void outlet::subscribe(context self, const stage_subscribe& wanted) {
  const auto refuse = [&](std::string why) {
    self.send(wanted.consumer,
              stage_cancelled{wanted.subscription,
                              exit_reason::error("troupe::subscription_refused", std::move(why))});
  };
  if (wanted.event != event_)
    return refuse(fmt::format("the producer {} gives events of type {}, not {}",
                              to_string(self.id()), event_, wanted.event));
  if (kind == way::partition && wanted.to >= lane_count)
    return refuse(
        fmt::format("the producer {} has the partitions 0 to {}: there is no partition {}",
                    to_string(self.id()), lane_count - 1, wanted.to));
  if (const auto old = find(wanted.consumer, wanted.subscription); old != takers.end()) {
    self.demonitor(old->watch);  // its consumer has lost the connection and is back
    remove(old);
  }
  takers.push_back(
      {wanted.consumer, wanted.subscription, wanted.to, self.monitor(wanted.consumer)});
  choose_active();
  self.send(wanted.consumer, stage_subscribed{self.id(), wanted.subscription});
}

void outlet::ask(context self, const stage_ask& more) {
  const auto by = find(more.consumer, more.subscription);
  if (by == takers.end()) {
    self.send(more.consumer,
              stage_cancelled{more.subscription,
                              exit_reason::error("troupe::subscription_refused",
                                                 "the producer does not know the subscription")});
    return;
  }
  const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - by->demand;
  by->demand += std::min(room, more.count);
  asked_ += more.count;
  if (kind == way::demand) to_the_end(by);
}

void outlet::cancel(context self, const stage_cancel& which) {
  const auto by = find(which.consumer, which.subscription);
  if (by == takers.end()) return;
  self.demonitor(by->watch);
  remove(by);
  self.send(which.consumer, stage_cancelled{which.subscription, which.reason});
}

bool outlet::ended(const down& notice) {
  const auto by = std::ranges::find(takers, notice.ref, &taker::watch);
  if (by == takers.end()) return false;
  remove(by);
  return true;
}

// What was asked of the source for it stays asked for: it counts for the others.
void outlet::remove(std::vector<taker>::iterator who) {
  takers.erase(who);
  choose_active();
}

void outlet::choose_active() {
  if (kind != way::partition) return;
  std::vector<bool> taken(lane_count);
  for (taker& t : takers) {
    t.active = !taken[t.lane];
    taken[t.lane] = true;
  }
}

std::vector<outlet::taker>::iterator outlet::to_the_end(std::vector<taker>::iterator who) {
  return std::rotate(who, who + 1, takers.end());
}

// GenStage.DemandDispatcher: the largest demand first, equal ones first come, first served.
outlet::taker* outlet::largest() {
  const auto most = std::ranges::max_element(takers, {}, &taker::demand);
  return most == takers.end() || most->demand == 0 ? nullptr : &*most;
}

std::uint64_t outlet::lowest() const {
  const auto least = std::ranges::min_element(takers, {}, &taker::demand);
  return least == takers.end() ? 0 : least->demand;
}

void outlet::served(taker& who, std::size_t events) {
  who.demand -= events;
  delivered_ += events;
  if (kind == way::demand) to_the_end(takers.begin() + (&who - takers.data()));
}

std::uint64_t outlet::want() const {
  if (accumulating || last_words) return 0;
  std::uint64_t unmet = 0;
  if (kind == way::broadcast) {
    unmet = lowest();
  } else {
    for (const taker& t : takers)
      if (t.active) unmet += std::min(std::numeric_limits<std::uint64_t>::max() - unmet, t.demand);
  }
  // Events of another partition may have to wait, so no more are asked for than can.
  if (kind == way::partition)
    unmet = std::min<std::uint64_t>(unmet,
                                    settings.buffer_size - std::min(settings.buffer_size, waiting));
  return unmet - std::min(unmet, owed_);
}

std::uint64_t outlet::take_want() {
  const std::uint64_t wanted = want();
  owed_ += wanted;
  return wanted;
}

void outlet::note_dropped(context self, std::size_t events) {
  dropped_ += events;
  if (dropped_ < next_report_) return;
  next_report_ = dropped_ * 2;
  self.system().log(
      log_level::warning,
      fmt::format("stage {}: {} events dropped so far: nobody has asked for them, and its buffer "
                  "holds {} (producer_options::buffer_size)",
                  to_string(self.id()), dropped_, settings.buffer_size));
}

void outlet::count(stage_counts& into) const {
  into.consumers = takers.size();
  into.asked = asked_;
  into.delivered = delivered_;
  into.buffered = waiting;
  into.dropped = dropped_;
}

}  // namespace troupe::internal
