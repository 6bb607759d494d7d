#pragma once

#include <troupe/stage_flow.hpp>

namespace troupe {

/// A source of events for consumers, which never get more than they have asked for. (Elixir:
/// GenStage, type producer.) A server in all else: it may list messages in `handles`.
///
///     class numbers : public troupe::producer<int> {
///      public:
///       std::vector<int> handle_demand(std::size_t wanted);
///     };
///
/// `handle_demand` gives the events that are there, at most so many, or a `task` of them. What it
/// does not give it owes: any handler may `emit` it later, and is not asked for it again. It may
/// return nothing (`void`).
template <class Event>
class producer : public internal::stage, public internal::event_source<Event> {
 public:
  using handles = messages<>;

 protected:
  using dispatch = troupe::dispatch<Event>;
  explicit producer(dispatch how = dispatch::to_demand(), const producer_options& options = {})
      : internal::event_source<Event>(*this, std::move(how), options, true) {}

  /// Ends this process when all that is buffered has been sent; it is not asked for more.
  void finish(exit_reason why = exit_reason::normal) { this->finish_with(std::move(why)); }
};

/// Takes events, as many at a time as it asks for. (GenStage, type consumer.)
///
///     class sink : public troupe::consumer<int> {
///      public:
///       sink() { subscribe_to("numbers", {.max_demand = 100}); }
///       troupe::task<> handle_events(std::vector<int> events);
///     };
///
/// `handle_events` may be plain or a `task`; more is asked for when it is through.
/// `handle_cancel(subscription, exit_reason)`, which may be overridden, hears the end of each
/// subscription before the consumer ends by it, if it does.
template <class Event>
class consumer : public internal::stage, public internal::event_sink<Event> {
 public:
  using handles = messages<>;

 protected:
  consumer() : internal::event_sink<Event>(static_cast<internal::stage&>(*this)) {}
};

/// Takes events and gives others, as its consumers ask for them: it handles input only while there
/// is demand. (GenStage, type producer_consumer.) `handle_events` returns what it makes of a batch,
/// or a `task` of it, or calls `emit`.
///
///     class squares : public troupe::producer_consumer<int, int> {
///      public:
///       std::vector<int> handle_events(std::vector<int> events);
///     };
template <class In, class Out>
class producer_consumer : public internal::stage,
                          public internal::event_source<Out>,
                          public internal::event_sink<In> {
 public:
  using handles = messages<>;

 protected:
  using dispatch = troupe::dispatch<Out>;
  explicit producer_consumer(dispatch how = dispatch::to_demand(),
                             const producer_options& options = {})
      : internal::event_source<Out>(*this, std::move(how), options, false),
        internal::event_sink<In>(static_cast<internal::stage&>(*this)) {}
};

/// Subscribes a consumer to a producer: `co_await subscribe(self, sink, numbers, {.max_demand =
/// 10})` in a process, `subscribe(system, ...)` outside. A call to the consumer, which answers when
/// the producer has confirmed; fails with the producer's end, or an error of type
/// `troupe::subscription_refused` or `std::invalid_argument`, which do not touch the consumer. To a
/// process that is no producer it fails by the timeout.
template <class Caller, class Consumer, class Producer>
auto subscribe(Caller&& caller, ref<Consumer> consumer, ref<Producer> producer,
               const subscription_options& how = {}) {
  static_assert(std::same_as<typename Consumer::in_event, typename Producer::out_event>,
                "this producer gives another type of events than the consumer takes");
  return caller.call(destination(consumer.id()),
                     internal::stage_subscribe_to::from(destination(producer.id()), how));
}
/// The same for a producer by name or of unknown class.
template <class Caller>
auto subscribe(Caller&& caller, const destination& consumer, const destination& producer,
               const subscription_options& how = {}) {
  return caller.call(consumer, internal::stage_subscribe_to::from(producer, how));
}
/// Ends a subscription of that consumer: what is on its way is handled, then the subscription's
/// `cancel` mode says whether the consumer ends with that reason.
template <class Caller>
auto cancel_subscription(Caller&& caller, const destination& consumer, subscription which,
                         exit_reason why = exit_reason::normal) {
  return caller.call(consumer, internal::stage_unsubscribe{which, std::move(why)});
}
/// What a stage has asked for, delivered, buffered and dropped.
template <class Caller>
auto counts_of(Caller&& caller, const destination& stage) {
  return caller.call(stage, internal::stage_count{});
}

}  // namespace troupe
