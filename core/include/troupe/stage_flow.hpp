#pragma once
// How events flow through a stage: what its messages do to its queues, and when its handlers are
// called. Users include stage.hpp.

#include <troupe/stage_queue.hpp>

namespace troupe::internal {

template <class Event>
class event_source;
template <class Event>
class event_sink;

template <class S>
inline constexpr bool gives_events = requires { typename S::out_event; };
template <class S>
inline constexpr bool takes_events = requires { typename S::in_event; };

// The one way of the functions below into a stage.
struct stage_access {
  template <class S>
  static auto& out(S& s) {
    return static_cast<event_source<typename S::out_event>&>(s).out_;
  }
  template <class S>
  static auto& in(S& s) {
    return static_cast<event_sink<typename S::in_event>&>(s).in_;
  }
  static context self(const stage& s) { return s.self; }
  static void wake(stage& s) { s.wake(); }
  static void awake(stage& s) { s.waking_ = false; }
  static void drop_unhandled(const stage& s, const down& notice) { s.drop_unhandled(notice); }
};

// What stages that give events have in common.
template <class Event>
class event_source {
 public:
  using out_event = Event;

 protected:
  event_source(stage& owner, dispatch<Event> how, const producer_options& options, bool drops)
      : owner_(owner), out_(std::move(how), options, drops) {
    check_sendable<stage_events<Event>>();
    mention<stage_subscribe>();
    mention<stage_ask>();
    mention<stage_cancel>();
    mention<request<stage_count>>();
  }

  /// Sends events to those that have asked for them. What nobody has asked for is buffered.
  void emit(std::vector<Event> events) {
    out_.put(stage_access::self(owner_), std::move(events));
    if (out_.want() > 0) stage_access::wake(owner_);
  }
  /// Whether demand is kept from the source for now. (GenStage: `demand(:accumulate | :forward)`.)
  void accumulate_demand(bool on) {
    out_.accumulating = on;
    stage_access::wake(owner_);
  }
  void finish_with(exit_reason why) {
    out_.last_words = std::move(why);
    stage_access::wake(owner_);
  }

 private:
  friend struct stage_access;
  stage& owner_;
  outlet_of<Event> out_;
};

// What stages that take events have in common.
template <class Event>
class event_sink {
 public:
  using in_event = Event;

 protected:
  explicit event_sink(stage& owner) : owner_(owner) {
    check_sendable<stage_events<Event>>();
    mention<stage_events<Event>>();
    mention<stage_subscribed>();
    mention<stage_cancelled>();
    mention<request<stage_subscribe_to>>();
    mention<request<stage_unsubscribe>>();
    mention<request<stage_count>>();
  }

  /// Subscribes to a producer, in the constructor or any handler. If it cannot be reached or
  /// refuses, the subscription ends with noproc or its reason, and `cancel` says what follows.
  /// Throws std::invalid_argument if the options contradict each other.
  subscription subscribe_to(const destination& producer, const subscription_options& how = {}) {
    return in_.subscribe(stage_access::self(owner_), stage_subscribe_to::from(producer, how));
  }
  /// Ends a subscription: what is on its way is still handled.
  void cancel(subscription which, const exit_reason& why = exit_reason::normal) {
    in_.cancel(stage_access::self(owner_), which, why);
    stage_access::wake(owner_);
  }
  /// Asks for events by a `manual` subscription.
  void ask(subscription which, std::uint64_t events) {
    in_.ask(stage_access::self(owner_), which, events);
  }

 private:
  friend struct stage_access;
  stage& owner_;
  inlet_of<Event> in_;
};

// Calls a handler of the user's and then `after` with what it gave; a coroutine is run to its end
// first, and the stage takes no message meanwhile.
template <class R, class After>
task<> await_then(task<R> handler, After after) {
  if constexpr (std::is_void_v<R>) {
    co_await handler;
    after();
  } else {
    after(co_await handler);
  }
}
template <class Call, class After>
void call_then(server_body& body, Call call, After after) {
  using given = decltype(call());
  if constexpr (is_task<given>) {
    continue_with(body, await_then(call(), std::move(after)));
  } else if constexpr (std::is_void_v<given>) {
    call();
    after();
  } else {
    after(call());
  }
}

template <class S>
[[nodiscard]] bool can_handle(S& s) {
  if (stage_access::in(s).empty()) return false;
  if constexpr (gives_events<S>)
    return stage_access::out(s).want() > 0;
  else
    return true;
}
// An end is heard after all that came before it: of a producer_consumer, when that has been sent.
template <class S>
[[nodiscard]] bool can_settle(S& s) {
  if constexpr (gives_events<S>)
    if (stage_access::out(s).buffered() > 0) return false;
  return stage_access::in(s).end_is_due();
}
template <class S>
[[nodiscard]] bool has_more_to_do(S& s) {
  if constexpr (takes_events<S>)
    return can_handle(s) || can_settle(s);
  else
    return stage_access::out(s).want() > 0;
}

template <class S>
concept handles_events = requires(S& s, std::vector<typename S::in_event> events) {
  s.handle_events(std::move(events));
};
template <class S>
concept handles_demand = requires(S& s, std::size_t n) { s.handle_demand(n); };

template <class S>
void handle_batch(S& s, server_body& body) {
  auto batch = stage_access::in(s).take();
  call_then(
      body, [&] { return s.handle_events(std::move(batch.events)); },
      [&s, from = batch.subscription, n = batch.events.size()](auto... made) {
        if constexpr (gives_events<S>)
          if constexpr (sizeof...(made) > 0)
            stage_access::out(s).put(stage_access::self(s), std::move(made)...);
        stage_access::in(s).handled(stage_access::self(s), from, n);
        if (has_more_to_do(s)) stage_access::wake(s);
      });
}

template <class S>
void meet_demand(S& s, server_body& body) {
  call_then(
      body, [&] { return s.handle_demand(stage_access::out(s).take_want()); },
      [&s](auto... given) {
        if constexpr (sizeof...(given) > 0)
          stage_access::out(s).put(stage_access::self(s), std::move(given)...);
        if (has_more_to_do(s)) stage_access::wake(s);
      });
}

// Does what is due after a message. One call of a handler at most: what is due then is done when
// the messages that wait have had their turn.
template <class S>
void attend(S& s, server_body& body) {
  const context self = stage_access::self(s);
  if constexpr (gives_events<S>) {
    auto& out = stage_access::out(s);
    out.deliver(self);
    if (out.last_words && out.buffered() == 0) self.exit(*out.last_words);
  }
  if constexpr (!takes_events<S>) {
    static_assert(handles_demand<S>,
                  "a producer needs a public handle_demand(std::size_t), which gives a std::vector "
                  "of its events, or a troupe::task of it, or nothing");
    if constexpr (handles_demand<S>)
      if (stage_access::out(s).want() > 0) meet_demand(s, body);
  } else {
    static_assert(
        handles_events<S>,
        "a consumer needs a public handle_events(std::vector<Event>), plain or a troupe::task");
    if (can_settle(s)) stage_access::in(s).settle(self, s);
    if constexpr (handles_events<S>)
      if (can_handle(s)) handle_batch(s, body);
  }
}

template <class S>
void take(S& s, stage_subscribe& m) {
  stage_access::out(s).subscribe(stage_access::self(s), m);
}
template <class S>
void take(S& s, stage_ask& m) {
  stage_access::out(s).ask(stage_access::self(s), m);
}
template <class S>
void take(S& s, stage_cancel& m) {
  stage_access::out(s).cancel(stage_access::self(s), m);
}
template <class S>
void take(S& s, stage_events<typename S::in_event>& m) {
  stage_access::in(s).put(std::move(m));
}
template <class S>
void take(S& s, stage_subscribed& m) {
  stage_access::in(s).subscribed(stage_access::self(s), m);
}
template <class S>
void take(S& s, stage_cancelled& m) {
  stage_access::in(s).cancelled(m);
}
template <class S>
void take(S& s, stage_retry& m) {
  stage_access::in(s).retry(stage_access::self(s), m);
}
template <class S>
void take(S& s, request<stage_subscribe_to>& m) {
  stage_access::in(s).subscribe(stage_access::self(s), m);
}
template <class S>
void take(S& s, request<stage_unsubscribe>& m) {
  stage_access::in(s).cancel(stage_access::self(s), m->which, m->reason);
  m.reply();
}
template <class S>
void take(S& s, request<stage_count>& m) {
  stage_counts counts;
  if constexpr (gives_events<S>) stage_access::out(s).count(counts);
  if constexpr (takes_events<S>) stage_access::in(s).count(counts);
  m.reply(counts);
}
template <class S>
void take(S& s, stage_wake&) {
  stage_access::awake(s);
}

template <class S, class T>
void on_stage_message(server& target, message& taken, server_body& body) {
  S& s = static_cast<S&>(target);
  take(s, *static_cast<T*>(taken.payload()));
  attend(s, body);
}
template <class S>
void on_down(server& target, message& taken, server_body& body) {
  S& s = static_cast<S&>(target);
  const down& notice = *static_cast<const down*>(taken.payload());
  bool known = false;
  if constexpr (gives_events<S>) known = stage_access::out(s).ended(notice);
  if constexpr (takes_events<S>) known = known || stage_access::in(s).ended(notice);
  if (known) return attend(s, body);
  if constexpr (listed<down, typename S::handles>)
    handle_message<S, down>(target, taken, body);
  else
    stage_access::drop_unhandled(s, notice);
}

template <class S, class... Ts>
constexpr auto entries_of_messages() {
  return std::array<server_entry, sizeof...(Ts)>{
      server_entry{&message_type_of<Ts>, &on_stage_message<S, Ts>}...};
}
template <class S>
constexpr auto entries_for_events() {
  if constexpr (takes_events<S>)
    return entries_of_messages<S, stage_events<typename S::in_event>, stage_subscribed,
                               stage_cancelled, stage_retry, request<stage_subscribe_to>,
                               request<stage_unsubscribe>>();
  else
    return std::array<server_entry, 0>{};
}
template <class S>
constexpr auto entries_for_demand() {
  if constexpr (gives_events<S>)
    return entries_of_messages<S, stage_ask, stage_subscribe, stage_cancel>();
  else
    return std::array<server_entry, 0>{};
}
template <std::size_t... N>
constexpr auto join_entries(const std::array<server_entry, N>&... lists) {
  std::array<server_entry, (N + ...)> all{};
  std::size_t next = 0;
  const auto add = [&](const auto& list) {
    for (const server_entry& e : list) all[next++] = e;
  };
  (add(lists), ...);
  return all;
}

// What a stage takes: what the user's class lists, and its own messages.
template <class S>
  requires std::derived_from<S, stage>
inline constexpr auto server_entries<S> = join_entries(
    list_entries<S>(typename S::handles{}), entries_for_events<S>(), entries_for_demand<S>(),
    entries_of_messages<S, stage_wake, request<stage_count>>(),
    std::array<server_entry, 1>{server_entry{&message_type_of<down>, &on_down<S>}});

}  // namespace troupe::internal
