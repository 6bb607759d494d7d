#pragma once

#include <troupe/state_machine_core.hpp>

namespace troupe {

/// A process that is in one of several states, as OTP's gen_statem. The states are values of one
/// type, or, as the alternatives of a variant, types with data of their own:
///
///     class door : public troupe::state_machine<std::variant<closed, open>> {
///      public:
///       using handles = troupe::messages<code, push, lock>;
///       door() : state_machine(closed{}) {}
///       void handle(closed& s, const code& c) { c.right ? next_state(open{}) : void(++s.tries); }
///       void handle(closed&, push) { postpone(); }             // until it is open
///       void handle(open&, push) { people_ += 1; }
///       void handle(lock) { next_state(closed{}); }            // in all other cases
///       void handle(const code&) {}
///       void enter(open&) { set_state_timeout(10s, lock{}); }  // each time that it opens
///       ...
///
/// It is a server: spawned, addressed, supervised, asked and answered like one. Events are the
/// messages that `handles` lists. `handle(state&, event)` is taken if there is one for the state
/// that the machine is in, else `handle(event)`; that there is one in every state the compiler
/// checks, and `unexpected()` is for the pairs that must not be (gen_statem: function_clause). An
/// event is taken by value, by const reference, or, of a request, as `request<T>` or `request<T>&`.
/// The answer is the value returned, unless the event was postponed. A handler may be a `task`; the
/// machine changes its state when that has ended, and events meanwhile wait.
///
/// `enter(from)`, or for states with types `enter(state&, from)`, `enter(state&)` or `enter(from)`,
/// is called after each change of state and first of all for the first one, with `from` equal to
/// it. There timeouts may be set, but no event given and no state changed: that throws
/// std::logic_error, as do all the functions below outside of handlers.
///
/// What comes next is OTP's order (gen_statem, "state transition"): `next_event`s; after a change
/// of state the postponed events; what was given or postponed before; timeouts of zero, in the
/// order set; then the mailbox. A timeout that was cancelled or replaced is never seen.
template <class State>
class state_machine : public server {
 public:
  using state_type = State;

  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// For the runtime: how it takes what arrives.
  using own_messages = messages<internal::machine_step, internal::machine_timeout>;
  template <class S, class T>
  static void take_event(server& host, message& taken, internal::server_body& body) {
    internal::machine_dispatcher<S, State>{static_cast<S&>(host), body}.template arrived<T>(taken);
  }

 protected:
  explicit state_machine(State first) : state_(std::move(first)) {}

  /// When the handler has ended, this is the state; of two the last counts. Not a change, as in
  /// OTP, if it equals the state that is (a value), or is of the same type, whose data it then
  /// replaces (a variant). A handler that says nothing keeps the state.
  void next_state(State next) {
    machinery_.check_in_handler("next_state");
    next_.emplace(std::move(next));
  }
  /// Calls `enter` again, as if the state had changed; neither postponed events nor timeouts
  /// notice.
  void repeat_state() { machinery_.repeat_state(); }
  /// Ends the process: this event must not come in this state, which the reason tells as text, by
  /// the `to_text` that stands beside its type if there is one.
  [[noreturn]] void unexpected() const { machinery_.throw_unexpected(to_text(state_)); }

  /// The event is kept and comes again after the next change of state, in order with the others and
  /// before newer ones. What the handler returns is then not sent as a reply. A handler that has
  /// taken its event by value where it can only be moved gives it back: `postpone(std::move(r))`.
  void postpone() { machinery_.postpone(); }
  template <class T>
  void postpone(T&& given_back) {
    machinery_.give_back(internal::make_node<std::decay_t<T>>(std::forward<T>(given_back)));
  }
  /// The value is an event that comes before all that waits; several in the order given. Also in
  /// the constructor.
  template <class T>
  void next_event(T&& value) {
    machinery_.next_event(internal::to_node(std::forward<T>(value)));
  }

  /// The value is an event that comes when the machine has been in this state, the next one if the
  /// handler changes it, for so long; a change of state cancels it. Setting it again replaces it.
  template <class T>
  void set_state_timeout(std::chrono::nanoseconds after, T&& value) {
    machinery_.set_timeout(internal::timeout_kind::state, {}, after,
                           internal::to_node(std::forward<T>(value)));
  }
  void cancel_state_timeout() {
    machinery_.set_timeout(internal::timeout_kind::state, {}, infinity, nullptr);
  }
  /// The same when no other event has come for so long; any event cancels it.
  template <class T>
  void set_event_timeout(std::chrono::nanoseconds after, T&& value) {
    machinery_.set_timeout(internal::timeout_kind::event, {}, after,
                           internal::to_node(std::forward<T>(value)));
  }
  /// One of any number, told apart by their names, that live on across states.
  template <class T>
  void set_timeout(std::string_view name, std::chrono::nanoseconds after, T&& value) {
    machinery_.set_timeout(internal::timeout_kind::named, name, after,
                           internal::to_node(std::forward<T>(value)));
  }
  void cancel_timeout(std::string_view name) {
    machinery_.set_timeout(internal::timeout_kind::named, name, infinity, nullptr);
  }

 private:
  template <class S, class Any>
  friend struct internal::machine_dispatcher;
  using server::continue_with;  // next_event is the way

  internal::machine_core machinery_;
  State state_;
  std::optional<State> next_;  // asked for by the handler that runs
};

namespace internal {

// How the events of one class find its handlers.
template <class S, class State>
struct machine_dispatcher {
  static constexpr bool typed = is_a<State, std::variant>;

  S& self;
  server_body& body;
  state_machine<State>& machine = self;
  machine_core& core = machine.machinery_;

  template <class T>
  void arrived(message& taken) {
    if constexpr (std::same_as<T, machine_step>) {
      if (core.starts())
        start();
      else
        core.take_next(body);
    } else if constexpr (std::same_as<T, machine_timeout>) {
      core.take_timeout(taken.get_if<T>()->number, body);
    } else {
      take<T>(taken);
    }
  }

  // --- events -----------------------------------------------------------------------------------

  template <class T>
  void take(message& taken) {
    if constexpr (request_message<T>)
      if (taken.get_if<T>() != nullptr) taken = message::of(request_in<T>(taken));
    core.begin(taken);
    if constexpr (typed)
      std::visit([&](auto& state) { handle<T>(state); }, machine.state_);
    else
      handle<T>();
  }

  // How a handler takes its event; the first that fits.
  enum class form : std::uint8_t { request_reference, request_moved, constant, moved, none };
  template <class... Args>
  static constexpr bool handles = requires(S& s) { s.handle(std::declval<Args>()...); };
  template <class T, class... In>
  static consteval form form_of() {
    if constexpr (request_message<T>) {
      if (handles<In&..., request<T>&>) return form::request_reference;
      if (handles<In&..., request<T>>) return form::request_moved;
    }
    if (handles<In&..., const T&>) return form::constant;
    return handles<In&..., T> ? form::moved : form::none;
  }

  // `state` is the current one if states are types, or nothing.
  template <class T, class... In>
  void handle(In&... state) {
    constexpr form how = form_of<T, In...>();
    if constexpr (how == form::none && sizeof...(In) > 0) {
      handle<T>();
    } else if constexpr (how == form::none) {
      static_assert(sizeof(T) == 0,
                    "a state machine needs, for each type T in its `handles`, a public "
                    "handle(state&, T) for every state, or handle(T) for the others");
    } else if constexpr (how == form::request_reference) {
      run([&] { return self.handle(state..., core.template event<request<T>>()); });
    } else if constexpr (how == form::request_moved) {
      core.give_away();
      run([&] { return self.handle(state..., std::move(core.template event<request<T>>())); });
    } else if constexpr (how == form::constant) {
      run_and_answer<T>([&] { return self.handle(state..., std::as_const(event_value<T>())); });
    } else {
      core.give_away();
      run_and_answer<T>([&] { return self.handle(state..., std::move(event_value<T>())); });
    }
  }
  template <class T>
  T& event_value() {
    if constexpr (request_message<T>)
      return *core.template event<request<T>>();
    else
      return core.template event<T>();
  }

  // A handler that gives nothing: no event that is answered, or it answers itself.
  template <class Handler>
  void run(Handler handler) {
    using given = decltype(handler());
    if constexpr (is_task<given>) {
      continue_with(body, end_after(self, body, handler()));
    } else {
      static_assert(std::is_void_v<given>, "a handler of an event that has no reply returns void");
      handler();
      end();
    }
  }
  static task<> end_after(S& host, server_body& body_of_host, task<> handler) {
    co_await handler;
    machine_dispatcher{host, body_of_host}.end();
  }

  template <class T, class Handler>
  void run_and_answer(Handler handler) {
    using given = decltype(handler());
    if constexpr (!request_message<T>) {
      run(std::move(handler));
    } else if constexpr (is_task<given>) {
      continue_with(body, answer_after<T>(self, body, handler()));
    } else if constexpr (std::is_void_v<given>) {
      static_assert(std::is_void_v<typename T::reply>,
                    "this handle must return the reply that the request type names");
      handler();
      answer<T>();
      end();
    } else {
      answer<T>(handler());
      end();
    }
  }
  template <class T>
  static task<> answer_after(S& host, server_body& body_of_host, task<typename T::reply> handler) {
    machine_dispatcher done{host, body_of_host};
    if constexpr (std::is_void_v<typename T::reply>) {
      co_await handler;
      done.template answer<T>();
    } else {
      done.template answer<T>(co_await handler);
    }
    done.end();
  }
  template <class T, class... Reply>
  void answer(Reply&&... reply) {
    if (!core.postpones()) core.template event<request<T>>().reply(std::forward<Reply>(reply)...);
  }

  // --- transitions ------------------------------------------------------------------------------

  // A handler has ended. The steps are those of gen_statem's "state transition".
  void end() {
    const bool changed = changes();
    core.end_event(changed);
    if (machine.next_) std::swap(machine.state_, *machine.next_);
    if (changed || core.repeats()) enter(machine.next_ ? *machine.next_ : machine.state_);
    machine.next_.reset();
    core.line_up(changed);
  }
  [[nodiscard]] bool changes() const {
    if (!machine.next_) return false;
    if constexpr (typed)
      return machine.next_->index() != machine.state_.index();
    else
      return !(*machine.next_ == machine.state_);
  }
  // The first of all.
  void start() {
    enter(machine.state_);
    core.line_up(false);
  }

  void enter(const State& from) {
    static_assert(!has_enter || enters_some(static_cast<State*>(nullptr)),
                  "the enter of a state machine is public, returns void, and is an enter(from), or "
                  "for states that are types an enter(state&, from) or enter(state&)");
    core.entering(true);
    if constexpr (typed)
      std::visit([&](auto& state) { enter_one(from, state); }, machine.state_);
    else
      enter_one(from);
    core.entering(false);
  }
  template <class... In>
  void enter_one(const State& from, In&... state) {
    if constexpr (enters<In&..., const State&>)
      self.enter(state..., from);
    else if constexpr (sizeof...(In) > 0 && enters<In&...>)
      self.enter(state...);
    else if constexpr (sizeof...(In) > 0)
      enter_one(from);
  }

  template <class... Args>
  static constexpr bool enters = requires(S& s) {
    { s.enter(std::declval<Args>()...) } -> std::same_as<void>;
  };
  template <class... States>
  static consteval bool enters_some(std::variant<States...>*) {
    return enters<const State&> || (enters<States&, const State&> || ...) ||
           (enters<States&> || ...);
  }
  static consteval bool enters_some(void*) { return enters<const State&>; }
  // Whether S has a member of that name, whatever its form and access: then it is ambiguous here.
  struct named_enter {
    void enter();
  };
  struct nameless {};
  struct enter_probe : std::conditional_t<std::is_final_v<S>, nameless, S>, named_enter {};
  static constexpr bool has_enter = !requires { &enter_probe::enter; };
};

}  // namespace internal
}  // namespace troupe
