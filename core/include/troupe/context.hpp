#pragma once

#include <troupe/call.hpp>
#include <troupe/operation.hpp>
#include <troupe/receive.hpp>
#include <troupe/ref.hpp>
#include <troupe/spawn.hpp>

namespace troupe {

class system;

/// A process's view of itself and the way to all it can do. Passed to the process function; a plain
/// value that may be copied within the process. Using it from another process or thread is an error
/// of the program and ends it with a message that says so.
class context {
 public:
  explicit context(internal::process_slot& slot) noexcept : slot_(&slot) {}
  /// The context of the process that is running on this thread. Throws std::logic_error outside.
  [[nodiscard]] static context current();

  /// This process's pid; a context converts to it, so `ping{self}` sends one's own address.
  [[nodiscard]] pid id() const noexcept;
  operator pid() const noexcept { return id(); }  // NOLINT(*-explicit-*): see above
  /// The process that spawned this one, or none.
  [[nodiscard]] pid parent() const noexcept;
  /// The system that this process lives in.
  [[nodiscard]] troupe::system& system() const noexcept;
  /// The system's steady clock.
  [[nodiscard]] steady_time now() const noexcept;
  /// Bits for jitter and balancing, never for secrets.
  [[nodiscard]] std::uint64_t random() const noexcept;

  // --- messages -------------------------------------------------------------------------------

  /// Sends a value: at most once, in order with all that this process sends there. Never fails and
  /// never waits; to a dead process it is dropped. A `troupe::message` is passed on as it is.
  /// Cost: one allocation, one atomic operation.
  template <class T>
  void send(pid to, T&& value) const {
    internal::send(to, internal::to_node(std::forward<T>(value)));
  }
  template <class T>
  void send(const destination& to, T&& value) const {
    internal::send(to, internal::to_node(std::forward<T>(value)));
  }
  /// To oneself: `self.send(self, value)`.
  template <class T>
  void send(const context& to, T&& value) const {
    send(to.id(), std::forward<T>(value));
  }
  /// To a typed reference: what its server does not handle does not compile.
  template <class S, class T>
  void send(ref<S> to, T&& value) const {
    internal::check_handled<S, std::decay_t<T>>();
    send(to.id(), std::forward<T>(value));
  }

  /// The same; false if the mailbox there is bounded and full, and the message was refused. True
  /// says nothing of its arrival.
  template <class T>
  [[nodiscard]] bool try_send(const destination& to, T&& value) const {
    return internal::send(to, internal::to_node(std::forward<T>(value)));
  }

  /// Takes the first message that a handler accepts: `co_await self.receive([](add m) {...}, ...)`.
  /// Others stay in the mailbox, in order. A handler that takes `troupe::message` accepts all. The
  /// last clause may be `after(limit, handler)`. Gives what the handler returned.
  template <class... Handlers>
  auto receive(Handlers&&... handlers) const {
    return internal::make_receive<std::decay_t<Handlers>...>(std::forward<Handlers>(handlers)...);
  }
  /// Takes the first T: `auto m = co_await self.receive<add>()`. The first of all with T = message.
  template <class T>
  auto receive() const {
    return internal::receive_one<T, internal::any_value, false>({}, infinity);
  }
  /// Takes the first T for which the predicate holds.
  template <class T, std::predicate<const T&> Predicate>
  auto receive(Predicate&& predicate) const {
    return internal::receive_one<T, std::decay_t<Predicate>, false>(
        std::forward<Predicate>(predicate), infinity);
  }
  /// Takes the first T that comes within the limit, as a std::optional<T>; zero looks only at what
  /// is there.
  template <class T, class Predicate = internal::any_value>
  auto receive_within(std::chrono::nanoseconds limit, Predicate predicate = {}) const {
    return internal::receive_one<T, Predicate, true>(std::move(predicate), limit);
  }

  /// Asks and waits: `int n = co_await self.call(to, get{}, 1s)`. Ends in exactly one of: the
  /// reply; call_error with the callee's end, noproc, noconnection, timeout or no_reply. A late
  /// reply is dropped. The deadline of the request being served bounds it too.
  template <request_message T>
  auto call(const destination& to, T body,
            std::chrono::nanoseconds timeout = default_call_timeout) const {
    return internal::call_awaiter<T, true>(to, std::move(body), timeout);
  }
  template <class S, request_message T>
  auto call(ref<S> to, T body, std::chrono::nanoseconds timeout = default_call_timeout) const {
    internal::check_handled<S, T>();
    return internal::call_awaiter<T, true>(to.id(), std::move(body), timeout);
  }
  /// The same, but gives a `result` in the place of throwing.
  template <request_message T>
  auto try_call(const destination& to, T body,
                std::chrono::nanoseconds timeout = default_call_timeout) const {
    return internal::call_awaiter<T, false>(to, std::move(body), timeout);
  }
  /// Asks without waiting; `co_await` the returned value for the result. Several may be under way.
  template <request_message T>
  [[nodiscard]] auto send_request(const destination& to, T body,
                                  std::chrono::nanoseconds timeout = default_call_timeout) const {
    return pending_reply<T>(to, std::move(body), timeout);
  }

  // --- processes ------------------------------------------------------------------------------

  /// Starts a process: `self.spawn(counter, 0)` runs `process counter(context, int)`. A closure's
  /// captures live as long as the process. Throws std::runtime_error if the table is full.
  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  pid spawn(Function&& function, Args&&... args) const {
    return spawn_with({}, std::forward<Function>(function), std::forward<Args>(args)...).id;
  }
  /// The same, linked to this process from the start.
  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  pid spawn_link(Function&& function, Args&&... args) const {
    return spawn_with({.link = true}, std::forward<Function>(function), std::forward<Args>(args)...)
        .id;
  }
  /// The same, monitored by this process from the start.
  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  monitored spawn_monitor(Function&& function, Args&&... args) const {
    return spawn_with({.monitor = true}, std::forward<Function>(function),
                      std::forward<Args>(args)...);
  }
  /// The general form: `self.spawn_with({.name = "counter", .link = true}, counter, 0)`.
  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  monitored spawn_with(const spawn_options& options, Function&& function, Args&&... args) const {
    return internal::launch(home(), {options}, internal::behaviour_name<std::decay_t<Function>>(),
                            std::forward<Function>(function), std::forward<Args>(args)...);
  }
  /// Starts a server: `ref<counter> c = self.spawn<counter>(0)`. Its constructor runs in the new
  /// process with these arguments.
  template <internal::server_type S, class... Args>
  ref<S> spawn(Args&&... args) const {
    return ref<S>(spawn_with<S>({}, std::forward<Args>(args)...).id);
  }
  template <internal::server_type S, class... Args>
  ref<S> spawn_link(Args&&... args) const {
    return ref<S>(spawn_with<S>({.link = true}, std::forward<Args>(args)...).id);
  }
  template <internal::server_type S, class... Args>
  monitored spawn_with(const spawn_options& options, Args&&... args) const {
    return internal::launch_server<S>(home(), {options}, std::forward<Args>(args)...);
  }

  // --- links, monitors, exits (OTP: erlang:link/1, monitor/2, exit/1,2, process_flag/2) ----------

  /// Ties this process and another: when one ends, the other gets an exit signal. Idempotent. If
  /// there is no such process, this one gets an exit signal with noproc.
  void link(pid to) const;
  /// Removes the link; no exit signal by it arrives after this returns. One that was trapped before
  /// stays in the mailbox, as in OTP.
  void unlink(pid to) const;
  /// Yields exactly one `down` when the target ends, at once if it has (noproc).
  [[nodiscard]] monitor_ref monitor(const destination& target) const;
  /// Removes the monitor; no `down` of it arrives after this returns (OTP's `flush` option).
  void demonitor(monitor_ref ref) const;
  /// Ends this process with that reason: throws `exit_request`, so destructors run.
  [[noreturn]] void exit(exit_reason reason) const { throw exit_request{std::move(reason)}; }
  /// Sends an exit signal. `kill` cannot be trapped and becomes `killed`.
  void exit(pid to, const exit_reason& reason) const;
  /// Whether exit signals arrive as `exit_signal` messages in the place of ending this process.
  /// Gives the former setting.
  bool trap_exits(bool on) const;

  // --- names ------------------------------------------------------------------------------------

  /// Registers this process. Throws name_taken.
  void register_as(std::string_view name) const;
  void unregister(std::string_view name) const;
  /// The process of that name on this node, or none.
  [[nodiscard]] pid whereis(std::string_view name) const;

  // --- time and the outside
  // -----------------------------------------------------------------------

  /// Sends the value after a delay; never early. The timer ends with this process.
  template <class T>
  timer_ref send_after(std::chrono::nanoseconds delay, const destination& to, T&& value) const {
    return arm_send(delay, to, internal::to_node(std::forward<T>(value)));
  }
  /// Whether the timer was stopped before it fired; afterwards it does not fire.
  bool cancel(timer_ref timer) const;
  auto sleep(std::chrono::nanoseconds time) const { return sleep_for(time); }
  /// Lets other processes run.
  internal::yield_wait yield() const { return {}; }
  /// Runs the function on the pool for calls that block and gives what it returns; what it throws
  /// is thrown here. This process cannot be killed before the function has returned.
  template <class Function>
  auto blocking(Function&& function) const {
    return internal::blocking_awaiter<std::decay_t<Function>>(std::forward<Function>(function));
  }
  /// Waits for something outside the scheduler; see `operation`.
  internal::operation_wait perform(operation& what) const { return internal::operation_wait(what); }

 private:
  [[nodiscard]] internal::engine& home() const noexcept;
  timer_ref arm_send(std::chrono::nanoseconds delay, const destination& to,
                     internal::message_node* node) const;
  static task<> sleep_for(std::chrono::nanoseconds time);

  internal::process_slot* slot_;
};

namespace internal {

// Whether a process function, or the one call operator of a closure, has a reference parameter.
template <class Function>
inline constexpr bool takes_references = false;
template <class R, class... Args>
inline constexpr bool takes_references<R (*)(Args...)> =
    std::disjunction_v<std::is_reference<Args>...>;
template <class R, class C, class... Args>
inline constexpr bool takes_references<R (C::*)(Args...)> =
    std::disjunction_v<std::is_reference<Args>...>;
template <class R, class C, class... Args>
inline constexpr bool takes_references<R (C::*)(Args...) const> =
    std::disjunction_v<std::is_reference<Args>...>;
template <class Function>
  requires requires { &Function::operator(); }
inline constexpr bool takes_references<Function> =
    takes_references<decltype(&Function::operator())>;

template <class Function>
struct kept final : kept_closure {
  explicit kept(Function f) : function(std::move(f)) {}
  Function function;
};

// A context that is given to a new process means the pid of its own.
template <class T>
using given_as = std::conditional_t<std::same_as<std::decay_t<T>, context>, pid, T>;

template <class Function, class... Args>
monitored launch(engine& home, const launch_options& options, std::string_view behaviour,
                 Function&& function, Args&&... args) {
  using stored = std::decay_t<Function>;
  static_assert(std::is_invocable_r_v<process, stored&, context, Args...>,
                "spawn needs a function that takes a troupe::context and then these arguments, and "
                "returns troupe::process: process f(context self, int start)");
  static_assert(std::is_invocable_r_v<process, stored&, context, given_as<Args>...>,
                "a context is of use to its own process only; give the new one self.id()");
  static_assert(!takes_references<stored>,
                "a process function takes its parameters by value: what a reference means may be "
                "gone when the process runs");
  newborn child(home);
  if constexpr (std::is_empty_v<stored> || std::is_pointer_v<stored>) {
    process made = std::invoke(function, context(child.slot()), std::forward<Args>(args)...);
    made.behaviour(behaviour);
    return child.start(*made.release(), options);
  } else {
    auto closure = std::make_unique<kept<stored>>(std::forward<Function>(function));
    process made =
        std::invoke(closure->function, context(child.slot()), std::forward<Args>(args)...);
    made.keep(std::move(closure));
    made.behaviour(behaviour);
    return child.start(*made.release(), options);
  }
}

}  // namespace internal
}  // namespace troupe
