#pragma once

#include <troupe/dynamic_supervisor.hpp>
#include <troupe/outside.hpp>
#include <troupe/seams.hpp>
#include <troupe/server.hpp>

namespace troupe {

class distribution;
namespace sim {
class host;
}

/// What a system is made with. The defaults are for a program that uses a machine alone.
struct system_options {
  /// Threads that run processes; 0 is one for each core. At most 64.
  std::size_t workers = 0;
  /// How many processes can live at once. Address space is reserved for them (64 B each); memory is
  /// taken as they come.
  std::size_t max_processes = std::size_t{1} << 22;
  /// Threads at most for `context::blocking`; they are started when needed.
  std::size_t blocking_threads = 64;
  /// How long a worker that has nothing to do looks for work before it sleeps: to wake it up takes
  /// longer than most pauses in the work. An idle system uses no processor for it. (Erlang: +sbwt)
  std::chrono::nanoseconds busy_wait = std::chrono::microseconds(20);
  /// How long the destructor lets the processes outside supervision trees take to end before it
  /// reports those that hold it up. It then goes on waiting: a C++ thread cannot be stopped.
  std::chrono::nanoseconds stop_report_after = std::chrono::seconds(5);
  /// A mailbox without a bound that holds so many messages is reported in the log, and again each
  /// time that it has doubled; 0 is never. (OTP 27: long_message_queue of erlang:system_monitor.)
  std::size_t mailbox_alarm = 10'000;
  /// Bytes at most in all mailboxes together, measured as `mailbox_limits::bytes` are; 0 is no
  /// bound. One mailbox may hold as much as is still free, so that one that overflows leaves half
  /// to the others, two a third, and what comes to a short mailbox arrives. Beyond that its own
  /// `mailbox_limits::when_full` says what happens; who has none refuses.
  std::size_t mailbox_budget = 0;
  /// A process that holds its worker for so long without a `co_await` is reported in the log, by
  /// its pid, its name and the message that it handles, and again each time that it has doubled;
  /// zero is never. (Erlang: long_schedule of erlang:system_monitor.)
  std::chrono::nanoseconds long_turn = std::chrono::seconds(1);
  /// The seams; null is the real one.
  std::shared_ptr<clock> time = {};
  std::shared_ptr<entropy> random = {};
  std::shared_ptr<log_sink> log = {};
  /// Where the system lives in a simulation, see troupe/sim; null: on threads of its own.
  sim::host* simulated = nullptr;
};

/// How supervision trees are shown.
struct tree_options {
  /// How long their processes may take to answer, all together. Who does not is shown as silent: it
  /// computes, or is in its init, or its supervisor is busy starting or stopping a child.
  std::chrono::nanoseconds within = std::chrono::seconds(1);
  /// Children of one supervisor at most; how many are left out is told.
  std::size_t max_children = 100;
};

/// What lives in a system now, summed over its workers; exact when nothing runs.
struct system_counts {
  std::int64_t processes = 0;
  std::int64_t timers = 0;    // armed by send_after
  std::int64_t links = 0;     // ends of links: two for each link between processes here
  std::int64_t monitors = 0;  // set by processes here
  std::int64_t names = 0;
  std::int64_t messages_dropped = 0;  // see message_counts::no_receiver
  friend bool operator==(const system_counts&, const system_counts&) = default;
};

/// What has become of all messages to processes of a system, summed over its workers; exact when
/// nothing runs. Messages are what is sent or called, what timers send, and the `down` and
/// `exit_signal` that monitors and trapped exits yield; replies and signals are none.
struct message_counts {
  std::int64_t sent = 0;
  std::int64_t taken = 0;         // by their receivers, those that had expired among them
  std::int64_t no_receiver = 0;   // to a process that had ended, or a name without one
  std::int64_t unread = 0;        // when their receiver ended
  std::int64_t expired = 0;       // requests whose caller had given up before they were taken
  std::int64_t refused = 0;       // by a full mailbox
  std::int64_t queued_bytes = 0;  // of system_options::mailbox_budget, if there is one
  /// That wait in mailboxes.
  [[nodiscard]] std::int64_t queued() const noexcept {
    return sent - taken - no_receiver - unread - refused;
  }
};

/// One runtime: its workers and their processes. Several may live in one program. Its functions may
/// be called from any thread, and from inside a process except where they say that they wait.
class system {
 public:
  system() : system(system_options{}) {}
  explicit system(system_options options);
  /// Stops the supervision trees in the reverse order of their start, then ends all processes and
  /// waits for them. Not to be called from inside a process.
  ~system();
  system(const system&) = delete;
  system& operator=(const system&) = delete;

  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  pid spawn(Function&& function, Args&&... args) {
    return spawn_with({}, std::forward<Function>(function), std::forward<Args>(args)...);
  }
  template <class Function, class... Args>
    requires(!internal::server_type<Function>)
  pid spawn_with(const spawn_options& options, Function&& function, Args&&... args) {
    return internal::launch(home(), {options}, internal::behaviour_name<std::decay_t<Function>>(),
                            std::forward<Function>(function), std::forward<Args>(args)...)
        .id;
  }
  template <internal::server_type S, class... Args>
  ref<S> spawn(Args&&... args) {
    return spawn_with<S>({}, std::forward<Args>(args)...);
  }
  template <internal::server_type S, class... Args>
  ref<S> spawn_with(const spawn_options& options, Args&&... args) {
    return ref<S>(internal::launch_server<S>(home(), {options}, std::forward<Args>(args)...).id);
  }

  template <class T>
  void send(const destination& to, T&& value) {
    internal::send_from(home(), to, internal::to_node(std::forward<T>(value)));
  }
  /// The same; false if the mailbox there is bounded and full, and the message was refused.
  template <class T>
  [[nodiscard]] bool try_send(const destination& to, T&& value) {
    return internal::send_from(home(), to, internal::to_node(std::forward<T>(value)));
  }
  template <class S, class T>
  void send(ref<S> to, T&& value) {
    internal::check_handled<S, std::decay_t<T>>();
    send(destination(to.id()), std::forward<T>(value));
  }

  /// Asks and waits on this thread. Throws call_error without an answer, and std::logic_error from
  /// inside a process, where `co_await self.call` is the way.
  template <request_message T>
  typename T::reply call(const destination& to, T body,
                         std::chrono::nanoseconds timeout = default_call_timeout) {
    internal::check_sendable<T>();
    if constexpr (std::is_void_v<typename T::reply>)
      run([&](context self) -> task<> { co_await self.call(to, std::move(body), timeout); });
    else
      return run([&](context self) -> task<typename T::reply> {
        co_return co_await self.call(to, std::move(body), timeout);
      });
  }
  template <class S, request_message T>
  typename T::reply call(ref<S> to, T body,
                         std::chrono::nanoseconds timeout = default_call_timeout) {
    internal::check_handled<S, T>();
    return call(destination(to.id()), std::move(body), timeout);
  }

  /// Runs a function `task<R>(context)` as a process of its own, waits on this thread until it has
  /// ended and its names, links and timers are gone, and gives its result or throws what it threw.
  /// The bridge from `main` and tests into the world of processes; the function may capture by
  /// reference.
  template <class Function>
  auto run(Function&& function) -> typename std::invoke_result_t<Function&, context>::value_type {
    using result = typename std::invoke_result_t<Function&, context>::value_type;
    internal::run_state<result> state;
    internal::outside_wait ended(home());
    internal::launch_options options;
    options.wakes = &ended;
    const pid started = internal::launch(home(), options, "troupe::system::run",
                                         [&state, &function](context self) -> process {
                                           co_await state.keep(function(self));
                                         })
                            .id;
    ended.wait(started);
    return state.take();
  }

  /// Sends an exit signal, as from nobody. (OTP: exit/2.)
  void exit(pid to, const exit_reason& reason);
  /// The process of that name, or none.
  [[nodiscard]] pid whereis(std::string_view name);
  /// Whether the process has not ended yet. For a process of another node: true as far as known.
  [[nodiscard]] bool alive(pid process);

  /// Starts a supervision tree and waits until all its children have started; throws
  /// `start_failed` if one does not, and std::invalid_argument if a specification contradicts
  /// itself. The tree is stopped with the system, or by `exit(tree, exit_reason::shutdown)`.
  template <supervision_strategy Strategy>
  supervisor_ref supervise(Strategy strategy, std::vector<child_spec> children) {
    return supervisor_ref(start_tree(supervisor("supervise", strategy, std::move(children))));
  }
  /// The same for a dynamic supervisor, which has no children at first.
  template <class... Args>
  dynamic_supervisor_ref<Args...> supervise(dynamic strategy, child_template<Args...> child) {
    return dynamic_supervisor_ref<Args...>(
        start_tree(supervisor("supervise", strategy, std::move(child))));
  }

  /// The supervision trees as text, a line for each process or child, indented by two for each
  /// level: id, pid, name, what it runs, how often its supervisor has restarted it, mailbox length
  /// and memory. Memory in bytes counts the process's slot, its links, monitors and timers, the
  /// messages that wait, and the frame of its function or its server object; not what these point
  /// to, nor the frames of tasks that it awaits. Waits on this thread: not from inside a process.
  [[nodiscard]] std::string tree(const tree_options& how = {});
  /// The same as JSON: an array of objects with `id`, `pid`, `state` (running, restarting,
  /// stopped), `supervisor`, `restarts`; where the process has answered also `name`, `behaviour`,
  /// `mailbox`, `memory`; where a supervisor has, `children` and `left_out`.
  [[nodiscard]] std::string tree_json(const tree_options& how = {});

  [[nodiscard]] system_counts counts() const;
  [[nodiscard]] troupe::message_counts message_counts() const;
  [[nodiscard]] std::size_t workers() const noexcept;
  void log(log_level level, std::string_view text) const noexcept;
  [[nodiscard]] const std::shared_ptr<clock>& time() const noexcept;
  [[nodiscard]] const std::shared_ptr<entropy>& random() const noexcept;

  /// For a transport: see distribution.hpp.
  [[nodiscard]] internal::engine& home() noexcept { return *engine_; }

 private:
  pid start_tree(const child_spec& top);

  std::unique_ptr<internal::engine, void (*)(internal::engine*)> engine_;
};

}  // namespace troupe
