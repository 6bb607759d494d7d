#pragma once
// How stages count demand: what they say to each other, and the two ends of a subscription without
// the events. Users include stage.hpp; of this file they need the options.

#include <troupe/server.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// Names one subscription of the consumer that made it.
struct subscription {
  std::uint64_t id = 0;
  friend bool operator==(const subscription&, const subscription&) = default;
};

/// Whether a consumer ends when a subscription does, because its producer has ended or because it
/// was cancelled. (GenStage: `cancel`.)
enum class cancel_mode : std::uint8_t {
  permanent,  // with the same reason
  transient,  // the same, unless the reason is normal or shutdown
  temporary,  // it lives on
};

/// How a consumer takes events from one producer. (GenStage: subscription options; the same
/// defaults.)
struct subscription_options {
  /// Events that it has asked for and not handled are never more than this.
  std::uint64_t max_demand = 1000;
  /// It asks again when so many are left, up to `max_demand`; half of that unless given. So it
  /// handles `max_demand - min_demand` events at once at most.
  std::optional<std::uint64_t> min_demand = {};
  cancel_mode cancel = cancel_mode::permanent;
  /// The partition that it takes, if the producer has partitions; what the selector of a broadcast
  /// is given.
  std::uint64_t to = 0;
  /// It asks by `ask` only, and gets what comes as it comes.
  bool manual = false;
  /// Where the producer is a name and the consumer outlives it: how long after its end the
  /// subscription is made again, and again until the name is there. Zero: it is not. (Not in
  /// GenStage.)
  std::chrono::nanoseconds retry{};
};

/// What is dropped of events that nobody has asked for, once there are more than `buffer_size`.
enum class buffer_keep : std::uint8_t { first, last };

/// How a producer keeps events. (GenStage: options of a producer; the same defaults.)
struct producer_options {
  /// Events that wait for demand, at most; 1 or more. What is too much is dropped, counted and
  /// logged. A producer_consumer drops nothing: it takes no more input.
  std::size_t buffer_size = 10'000;
  buffer_keep keep = buffer_keep::last;
  /// Demand is kept until `accumulate_demand(false)`, so that all consumers can subscribe first.
  bool accumulate = false;
};

/// What a stage has done so far, and what waits in it.
struct stage_counts {
  std::uint64_t consumers = 0;  // subscriptions of consumers to it
  std::uint64_t asked = 0;      // events that its consumers have asked for
  std::uint64_t delivered = 0;  // events sent to consumers
  std::uint64_t buffered = 0;   // waiting for demand
  std::uint64_t dropped = 0;    // too much for the buffer
  std::uint64_t producers = 0;  // its subscriptions to producers
  std::uint64_t requested = 0;  // events that it has asked for
  std::uint64_t received = 0;
  std::uint64_t waiting = 0;  // received and not handled
  friend bool operator==(const stage_counts&, const stage_counts&) = default;
};

namespace internal {

// Consumer to producer. Plain values: the other end may be on another node.
struct stage_subscribe {
  pid consumer;
  std::uint64_t subscription = 0;
  std::uint64_t to = 0;
  std::string event;  // the name of the type that the consumer takes
};
struct stage_ask {
  pid consumer;
  std::uint64_t subscription = 0;
  std::uint64_t count = 0;
};
struct stage_cancel {
  pid consumer;
  std::uint64_t subscription = 0;
  exit_reason reason;
};
// Producer to consumer.
struct stage_subscribed {
  pid producer;
  std::uint64_t subscription = 0;
};
struct stage_cancelled {  // nothing comes after it
  std::uint64_t subscription = 0;
  exit_reason reason;
};
template <class Event>
struct stage_events {
  std::uint64_t subscription = 0;
  std::vector<Event> events;
};
template <class Event>
struct template_name<stage_events<Event>> {
  static constexpr auto value = join_names<Event>("stage_events");
};
// Told here, because to find them tries to copy events, also those that can only be moved.
template <class Event>
struct fields_of<stage_events<Event>> {
  using list = field_list<std::uint64_t, std::vector<Event>>;
  static void* at(void* object, std::size_t index) noexcept {
    auto& of = as<stage_events<Event>>(object);
    return pick<std::uint64_t, std::vector<Event>>(index, of.subscription, of.events).at;
  }
};
// A stage to itself.
struct stage_wake {};
struct stage_retry {
  std::uint64_t subscription = 0;
};
// Anybody to a stage.
struct stage_subscribe_to {
  using reply = subscription;
  pid producer;
  std::string name = {};  // in the place of a pid
  std::string node = {};
  subscription_options how = {};
  static stage_subscribe_to from(const destination& producer, const subscription_options& how);
};
struct stage_unsubscribe {
  using reply = void;
  subscription which;
  exit_reason reason;
};
struct stage_count {
  using reply = stage_counts;
};

// A `down` may be of a subscription, else it is the user's.
template <class S>
void on_down(server& target, message& taken, server_body& body);

// What all stages are.
class stage : public server {
 public:
  // How it takes what its class lists.
  template <class S, class T>
  static void take_event(server& target, message& taken, server_body& body) {
    if constexpr (std::same_as<T, down>)
      on_down<S>(target, taken, body);
    else
      handle_message<S, T>(target, taken, body);
  }
  // A subscription to a producer has ended.
  virtual void handle_cancel(subscription /*which*/, const exit_reason& /*why*/) {}

 protected:
  stage() = default;

 private:
  friend struct stage_access;
  // It goes on with what is due as soon as its mailbox has had its turn.
  void wake();
  void drop_unhandled(const down& notice) const;
  bool waking_ = false;
};

// The producer's end: who is to get how many events. It has nothing to do with their type.
class outlet {
 public:
  enum class way : std::uint8_t { demand, broadcast, partition };

  void subscribe(context self, const stage_subscribe& wanted);
  void ask(context self, const stage_ask& more);
  void cancel(context self, const stage_cancel& which);
  // Whether it was a consumer of this producer that has ended.
  bool ended(const down& notice);
  // How many events to ask the source for: what consumers have asked for, it has not been asked
  // for, and there is room for.
  [[nodiscard]] std::uint64_t want() const;
  std::uint64_t take_want();
  void count(stage_counts& into) const;
  [[nodiscard]] std::size_t buffered() const noexcept { return waiting; }

  bool accumulating;
  std::optional<exit_reason> last_words;  // it ends with them when nothing is buffered

 protected:
  struct taker {  // one subscription
    pid consumer;
    std::uint64_t subscription;
    std::uint64_t lane;
    monitor_ref watch;
    std::uint64_t demand = 0;
    bool active = true;  // of those that share a partition the first is
  };
  outlet(way how, std::size_t lanes, const producer_options& options, std::string_view event);

  // Who has asked for most, of equals the one that has waited longest; null if nobody has.
  [[nodiscard]] taker* largest();
  // Events that all have asked for.
  [[nodiscard]] std::uint64_t lowest() const;
  [[nodiscard]] taker* active_of(std::uint64_t lane);
  // So many were sent. In the way `demand`, the taker goes to the end of the line.
  void served(taker& who, std::size_t events);
  void supplied(std::size_t events) { owed_ -= std::min<std::uint64_t>(owed_, events); }
  void note_dropped(context self, std::size_t events);

  const way kind;
  const std::size_t lane_count;
  const producer_options settings;
  std::size_t waiting = 0;
  std::vector<taker> takers;

 private:
  [[nodiscard]] std::vector<taker>::iterator find(pid consumer, std::uint64_t subscription);
  std::vector<taker>::iterator to_the_end(std::vector<taker>::iterator who);
  void remove(std::vector<taker>::iterator who);
  void choose_active();

  const std::string_view event_;
  std::uint64_t owed_ = 0;  // asked of the source and not given yet
  std::uint64_t asked_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t next_report_ = 1;  // of dropped events: at each doubling
};

// The consumer's end: its subscriptions and what it asks by each.
class inlet {
 public:
  explicit inlet(std::string_view event) : event_(event) {}

  // Throws std::invalid_argument for options that contradict each other.
  subscription subscribe(context self, stage_subscribe_to wanted);
  void subscribe(context self, request<stage_subscribe_to>& wanted);
  void subscribed(context self, const stage_subscribed& by);
  void cancel(context self, subscription which, const exit_reason& why);
  void cancelled(const stage_cancelled& which);
  bool ended(const down& notice);
  void retry(context self, const stage_retry& which);
  void ask(context self, subscription which, std::uint64_t events);
  void count(stage_counts& into) const;

  // Events of this subscription have come; false if there is no such subscription.
  bool received(std::uint64_t subscription, std::size_t events);
  // How many events of it are handled at once, at most.
  [[nodiscard]] std::size_t batch_limit(std::uint64_t subscription) const;
  // That many were handled: asks for more if it is time to.
  void handled(context self, std::uint64_t subscription, std::size_t events);
  // Subscriptions that have ended, once all their events are handled.
  [[nodiscard]] bool end_is_due() const;
  void settle(context self, stage& owner);

 private:
  struct source {  // one subscription
    stage_subscribe_to where;
    pid producer = {};  // once it has confirmed
    monitor_ref watch = {};
    std::uint64_t demand = 0;   // asked for and not handled
    std::uint64_t to_ask = 0;   // by hand, before the producer has confirmed
    std::uint64_t waiting = 0;  // received and not handled
    bool closing = false;       // cancelled by the consumer
    std::optional<exit_reason> ended = {};
    std::optional<request<stage_subscribe_to>> asker = {};  // waits for the confirmation
  };
  void join(context self, std::uint64_t id, source& s);
  void send_ask(context self, std::uint64_t id, source& s, std::uint64_t events);
  [[nodiscard]] static bool ends_consumer(const source& s, const exit_reason& why);

  const std::string_view event_;
  std::map<std::uint64_t, source> sources_;
  std::uint64_t last_id_ = 0;
  std::uint64_t requested_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace internal
}  // namespace troupe
