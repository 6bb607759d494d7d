#pragma once
// Where events wait in a stage: the typed layer above stage_demand.hpp. Users include stage.hpp.

#include <troupe/stage_demand.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>

namespace troupe {

/// To which of its consumers a producer sends an event. (GenStage: dispatchers.)
template <class Event>
struct dispatch {
  using selector = std::function<bool(const Event&, std::uint64_t to)>;
  using hash = std::function<std::size_t(const Event&)>;

  /// To the consumer that has asked for most. The default.
  static dispatch to_demand() { return {}; }
  /// To all; as many as all have asked for. A selector says which events a consumer is to have,
  /// told by the `to` of its subscription; those that it is not to have do not count for it.
  static dispatch broadcast(selector selects = {}) {
    static_assert(std::copy_constructible<Event>, "events for more than one must be copyable");
    return {internal::outlet::way::broadcast, 1, std::move(selects), {}};
  }
  /// Each event to the consumer of its partition: the remainder of `by(event)` divided by their
  /// number. A consumer says its partition by `to`; if several say the same, the first has it, and
  /// the next when that has ended. Events of a partition whose consumer is missing or slow wait;
  /// when `buffer_size` do, the source is not asked for more.
  static dispatch partition(std::size_t partitions, hash by) {
    return {internal::outlet::way::partition, partitions, {}, std::move(by)};
  }

  internal::outlet::way way = internal::outlet::way::demand;
  std::size_t partitions = 1;
  selector selects = {};
  hash by = {};
};

namespace internal {

// Events that wait for demand, a queue for each partition.
template <class Event>
class outlet_of final : public outlet {
 public:
  outlet_of(dispatch<Event> how, const producer_options& options, bool drops)
      : outlet(how.way, how.partitions, options, type_of<Event>.name),
        how_(std::move(how)),
        drops_(drops),
        lanes_(how_.partitions) {}

  void put(context self, std::vector<Event> events) {
    supplied(events.size());
    if (kind == way::demand && waiting == 0)
      if (taker* const t = largest(); t != nullptr && t->demand >= events.size())
        return send(self, *t, std::move(events));
    waiting += events.size();
    for (Event& e : events)
      lanes_[kind == way::partition ? how_.by(e) % lane_count : 0].push_back(std::move(e));
    deliver(self);
    if (drops_ && waiting > settings.buffer_size) drop(self);
  }

  void deliver(context self) {
    if (waiting == 0) return;
    if (kind == way::demand) {
      while (taker* const t = lanes_[0].empty() ? nullptr : largest())
        send(self, *t, take(0, t->demand));
    } else if (kind == way::broadcast) {
      // A selector gives demand back, so there may be more to send than at first.
      while (const std::uint64_t all = lanes_[0].empty() ? 0 : lowest())
        send_to_all(self, take(0, all));
    } else {
      for (taker& t : takers)
        if (t.active && t.demand > 0 && !lanes_[t.lane].empty())
          send(self, t, take(t.lane, t.demand));
    }
  }

 private:
  std::vector<Event> take(std::size_t lane, std::uint64_t limit) {
    auto& from = lanes_[lane];
    const auto n = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(limit, from.size()));
    std::vector<Event> taken(std::make_move_iterator(from.begin()),
                             std::make_move_iterator(from.begin() + n));
    from.erase(from.begin(), from.begin() + n);
    waiting -= taken.size();
    return taken;
  }

  void send(context self, taker& to, std::vector<Event> events) {
    if (events.empty()) return;
    const std::size_t n = events.size();
    self.send(to.consumer, stage_events<Event>{to.subscription, std::move(events)});
    served(to, n);
  }

  void send_to_all(context self, const std::vector<Event>& events) {
    if constexpr (std::copy_constructible<Event>) {
      for (taker& t : takers) {
        std::vector<Event> chosen;
        for (const Event& e : events)
          if (!how_.selects || how_.selects(e, t.lane)) chosen.push_back(e);
        send(self, t, std::move(chosen));
      }
    }
  }

  void drop(context self) {
    const std::size_t too_many = waiting - settings.buffer_size;
    for (; waiting > settings.buffer_size; --waiting) {
      auto& fullest =
          *std::max_element(lanes_.begin(), lanes_.end(),
                            [](const auto& a, const auto& b) { return a.size() < b.size(); });
      if (settings.keep == buffer_keep::first)
        fullest.pop_back();
      else
        fullest.pop_front();
    }
    note_dropped(self, too_many);
  }

  const dispatch<Event> how_;
  const bool drops_;
  std::vector<std::deque<Event>> lanes_;
};

// Events that have come and wait to be handled.
template <class Event>
class inlet_of final : public inlet {
 public:
  inlet_of() : inlet(type_of<Event>.name) {}

  struct batch {
    std::uint64_t subscription;
    std::vector<Event> events;
  };
  void put(stage_events<Event>&& come) {
    if (!come.events.empty() && received(come.subscription, come.events.size()))
      inputs_.push_back({come.subscription, std::move(come.events)});
  }
  [[nodiscard]] bool empty() const noexcept { return inputs_.empty(); }
  // The next events of one subscription, as many as are handled at once.
  batch take() {
    batch& front = inputs_.front();
    const std::size_t limit = batch_limit(front.subscription);
    if (next_ == 0 && front.events.size() <= limit) {
      batch all = std::move(front);
      inputs_.pop_front();
      return all;
    }
    const auto from = front.events.begin() + static_cast<std::ptrdiff_t>(next_);
    const std::size_t n = std::min(limit, front.events.size() - next_);
    const auto to = from + static_cast<std::ptrdiff_t>(n);
    batch some{front.subscription, {std::make_move_iterator(from), std::make_move_iterator(to)}};
    next_ += n;
    if (next_ == front.events.size()) {
      inputs_.pop_front();
      next_ = 0;
    }
    return some;
  }

 private:
  std::deque<batch> inputs_;
  std::size_t next_ = 0;  // in the first of them
};

}  // namespace internal
}  // namespace troupe
