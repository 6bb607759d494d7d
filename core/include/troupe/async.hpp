#pragma once
// Functions that run in processes of their own and give a result back. (Elixir: Task.)
//
//     auto size = troupe::async(self, [](std::string path) { return count_lines(path); }, "a.txt");
//     auto page = troupe::async(self, fetch, url);     // task<std::string> fetch(context,
//     std::string) std::size_t lines = co_await size;               // waits 5 s at most, throws as
//     a call does std::string text = co_await page.await(30s);
//
// What such a function throws ends its process, and by a link the one that started it, as in
// Elixir; one that traps exits lives on and has the failure thrown at the co_await. Where a failure
// is only to be a failed result, start the function under a task supervisor: `async_nolink`.

#include <troupe/dynamic_supervisor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace troupe {

namespace internal {

// What a task's process runs: a function with its arguments, and who waits for its result. Dies
// with the process; a job that gave no result then tells how the process ended.
class job {
 public:
  explicit job(std::string_view function) : behaviour(function) {}
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job();
  virtual task<> run(context self) = 0;

  const std::string_view behaviour;  // for reports
  request_header asked;              // without an address if nobody waits

 protected:
  void answer(context self, message_node* result);
};

template <class Function, class... Args>
auto called_with() {
  if constexpr (std::is_invocable_v<Function&, context, Args...>)
    return std::type_identity<std::invoke_result_t<Function&, context, Args...>>{};
  else if constexpr (std::is_invocable_v<Function&, Args...>)
    return std::type_identity<std::invoke_result_t<Function&, Args...>>{};
  else
    return std::type_identity<void>{};
}
// A function that is called with these arguments, perhaps behind a context, and what it gives.
template <class Function, class... Args>
struct job_call {
  static constexpr bool takes_context = std::is_invocable_v<Function&, context, Args...>;
  static_assert(!takes_references<Function>,
                "a task's function takes its parameters by value: what a reference means may be "
                "gone when the task runs");
  static_assert(takes_context || std::is_invocable_v<Function&, Args...>,
                "async needs a function that takes these arguments, perhaps after a "
                "troupe::context: task<int> f(context self, std::string host)");
  using given = typename decltype(called_with<Function, Args...>())::type;
  static_assert(!std::same_as<given, process>,
                "a process function has no result: spawn it, or let it return a task");
  using result = typename unwrap<given>::type;
  static_assert((check_sendable<reply_value<result>>(), true));
};
template <class Function, class... Args>
using job_result = typename job_call<std::decay_t<Function>, std::decay_t<Args>...>::result;

template <class Function, class... Args>
class job_of final : public job {
 public:
  using call = job_call<Function, Args...>;
  using given = typename call::given;
  using result = typename call::result;
  explicit job_of(Function function, Args... args)
      : job(behaviour_name<Function>()),
        function_(std::move(function)),
        args_(std::move(args)...) {}

  task<> run(context self) override {
    if constexpr (std::is_void_v<result>) {
      if constexpr (is_task<given>)
        co_await apply(self);
      else
        apply(self);
      give(self, nothing{});
    } else if constexpr (is_task<given>) {
      auto value = co_await apply(self);
      give(self, std::move(value));
    } else {
      give(self, apply(self));
    }
  }

 private:
  given apply(context self) {
    return std::apply(
        [&](Args&... args) -> given {
          if constexpr (call::takes_context)
            return std::invoke(function_, self, std::move(args)...);
          else
            return std::invoke(function_, std::move(args)...);
        },
        args_);
  }
  void give(context self, reply_value<result> value) {
    answer(self, make_node<reply_payload<reply_value<result>>>(reply_header{asked.ref},
                                                               std::move(value)));
  }
  Function function_;
  std::tuple<Args...> args_;
};
template <class Function, class... Args>
std::unique_ptr<job> make_job(Function&& function, Args&&... args) {
  return std::make_unique<job_of<std::decay_t<Function>, std::decay_t<Args>...>>(
      std::forward<Function>(function), std::forward<Args>(args)...);
}

// The owner's end of a task: its process and the place where the result arrives. Ends the process
// with itself, unless it has a result or is detached.
class job_handle {
 public:
  struct state;
  explicit job_handle(std::unique_ptr<state> started) noexcept;
  job_handle(job_handle&& other) noexcept;
  job_handle& operator=(job_handle&& other) noexcept;
  ~job_handle();

  [[nodiscard]] pid process() const noexcept;
  [[nodiscard]] steady_time deadline() const noexcept;
  // Whether there is a result or a failure.
  [[nodiscard]] bool done() const;
  [[nodiscard]] bool failed() const;
  // The result, or why there is none: a timeout if it is not there yet. At most once.
  [[nodiscard]] message_node* take(const message_type& wanted);
  // Asks the process to end, kills it after the limit, and waits for that or a result; true if it
  // ended as it was asked to.
  task<bool> stop(std::chrono::nanoseconds limit);
  // The process is on its own.
  void detach();

 private:
  friend class results_wait;
  friend void check_jobs(std::span<job_handle* const> all);
  void end() noexcept;
  std::unique_ptr<state> state_;
};
using job_handles = std::span<job_handle* const>;

// `limit` bounds what the task may take, for what it calls and for `deadline`.
job_handle start_job(context self, std::unique_ptr<job> work,
                     std::chrono::nanoseconds limit = infinity);
task<job_handle> start_job_under(context self, destination tasks, std::unique_ptr<job> work,
                                 std::chrono::nanoseconds limit = infinity);
task<pid> start_job_alone(context self, destination tasks, std::unique_ptr<job> work);

enum class until : std::uint8_t { all_done, one_failed, one_done };
// Waits until all have a result, or meanwhile one has failed, or one has a result; or for the time.
task<> await_jobs(job_handles all, until what, steady_time deadline);
task<> await_job(job_handle& one, std::chrono::nanoseconds limit);
// The end of a wait that begins now: no later than the deadline of the request being served.
[[nodiscard]] steady_time wait_limit(std::chrono::nanoseconds limit);
// Throws call_error if one has failed, or has no result yet.
void check_jobs(job_handles all);

// A job on its way through a task supervisor, whose messages are copied.
class boxed_job {
 public:
  explicit boxed_job(std::unique_ptr<job> work)
      : work_(std::make_shared<std::unique_ptr<job>>(std::move(work))) {}
  [[nodiscard]] std::unique_ptr<job> take() const { return std::move(*work_); }

 private:
  std::shared_ptr<std::unique_ptr<job>> work_;
};

}  // namespace internal

/// Where the result of a function arrives that runs in a process of its own. Belongs to the process
/// that started it: only that one can use it (std::logic_error), and take the result once.
/// Destroying it ends the task: it is killed, and its link taken back, so that nothing runs whose
/// result nobody can have. In Elixir, whose tasks are plain data, a task that is not awaited runs
/// on, and its result lies in the mailbox; here `ignore` it to let it run on.
template <class R>
class [[nodiscard]] pending_result {
 public:
  explicit pending_result(internal::job_handle started) : handle_(std::move(started)) {}

  /// The result; throws call_error if the task failed, or is not through within the limit or the
  /// deadline of the request being served: it runs on then and may be awaited again.
  [[nodiscard]] task<R> await(std::chrono::nanoseconds limit) {
    co_await internal::await_job(handle_, limit);
    internal::job_handle* const one = &handle_;
    internal::check_jobs({&one, 1});
    result<R> came = take();
    if constexpr (!std::is_void_v<R>) co_return std::move(*came);
  }
  /// `co_await t`: the same, for 5 s at most, as a call.
  [[nodiscard]] task<R> operator co_await() { return await(default_call_timeout); }
  /// The result, or a failure, if it comes within the limit, else nothing: it may be awaited again.
  /// Zero looks only at what is there.
  [[nodiscard]] task<std::optional<result<R>>> yield(std::chrono::nanoseconds limit) {
    co_await internal::await_job(handle_, limit);
    co_return take_if_done();
  }
  /// Asks the task to end (`shutdown`), kills it after the limit, at once if that is zero, and
  /// waits for its end. Nothing if it has ended as it was asked to; else the result, or failure,
  /// that came in between.
  [[nodiscard]] task<std::optional<result<R>>> shutdown(
      std::chrono::nanoseconds limit = std::chrono::seconds(5)) {
    const bool as_asked = co_await handle_.stop(limit);
    auto came = take();
    if (as_asked) co_return std::nullopt;
    co_return std::move(came);
  }
  /// Lets go of the task, which runs on without a link to this process. A result that is there.
  std::optional<result<R>> ignore() {
    handle_.detach();
    return take_if_done();
  }

  /// The process that runs the function.
  [[nodiscard]] pid process() const noexcept { return handle_.process(); }
  /// Whether there is a result, or a failure, to take without waiting.
  [[nodiscard]] bool done() const { return handle_.done(); }
  /// The result, or why there is none: `troupe::timeout` if it is not there yet.
  [[nodiscard]] result<R> take() {
    return result<R>(
        handle_.take(message_type_of<internal::reply_payload<internal::reply_value<R>>>));
  }
  /// For what awaits several.
  [[nodiscard]] internal::job_handle& handle() noexcept { return handle_; }

 private:
  std::optional<result<R>> take_if_done() {
    if (!done()) return std::nullopt;
    return take();
  }
  internal::job_handle handle_;
};

/// Starts a function in a process of its own, linked to this one: `task<R> f(context, args...)`, or
/// any function of these arguments, with or without the context in front. Arguments and result
/// travel as in messages. Throws std::runtime_error if the process table is full.
/// (Elixir: Task.async.)
template <class Function, class... Args>
[[nodiscard]] auto async(context self, Function&& function, Args&&... args) {
  using result = internal::job_result<Function, Args...>;
  return pending_result<result>(internal::start_job(
      self, internal::make_job(std::forward<Function>(function), std::forward<Args>(args)...)));
}

/// What a task supervisor starts: `system.supervise(dynamic{.max_children = 100}, tasks())`, or
/// `supervisor("tasks", dynamic{}, tasks())` in a tree. They are not restarted.
/// (Elixir: Task.Supervisor.)
[[nodiscard]] child_template<internal::boxed_job> tasks();

/// As `async`, but under a task supervisor, by pid or name, and without a link: what the function
/// throws is only a failed result. `auto t = co_await async_nolink(self, tasks, f, 1);` Throws
/// call_error if it is not started (`child_refused`: max_children). Also this task is ended with
/// what it returns. (Elixir: Task.Supervisor.async_nolink.)
template <class Function, class... Args>
[[nodiscard]] task<pending_result<internal::job_result<Function, Args...>>> async_nolink(
    context self, destination tasks, Function function, Args... args) {
  co_return pending_result<internal::job_result<Function, Args...>>(
      co_await internal::start_job_under(
          self, std::move(tasks), internal::make_job(std::move(function), std::move(args)...)));
}

/// Starts a function under a task supervisor and forgets it; its result is dropped, its failure
/// logged. Gives its process. (Elixir: Task.Supervisor.start_child.)
template <class Function, class... Args>
[[nodiscard]] task<pid> start_task(context self, destination tasks, Function function,
                                   Args... args) {
  return internal::start_job_alone(self, std::move(tasks),
                                   internal::make_job(std::move(function), std::move(args)...));
}

namespace internal {

template <class R>
[[nodiscard]] std::vector<job_handle*> handles_of(std::vector<pending_result<R>>& all) {
  std::vector<job_handle*> handles;
  handles.reserve(all.size());
  for (pending_result<R>& one : all) handles.push_back(&one.handle());
  return handles;
}

}  // namespace internal

/// The results of all, in their order; throws call_error as soon as one fails, and if not all are
/// there within the limit: the others are as they were. (Elixir: Task.await_many.)
template <class R>
[[nodiscard]] task<
    std::conditional_t<std::is_void_v<R>, void, std::vector<internal::reply_value<R>>>>
await_many(std::vector<pending_result<R>>& all,
           std::chrono::nanoseconds limit = default_call_timeout) {
  const std::vector<internal::job_handle*> handles = internal::handles_of(all);
  co_await internal::await_jobs(handles, internal::until::one_failed, internal::wait_limit(limit));
  internal::check_jobs(handles);
  if constexpr (std::is_void_v<R>) {
    for (auto& one : all) (void)one.take();
  } else {
    std::vector<R> results;
    results.reserve(all.size());
    for (auto& one : all) results.push_back(std::move(*one.take()));
    co_return results;
  }
}

/// The results and failures of all that are through within the limit, in their order; nothing in
/// the place of the others, which may be awaited again. (Elixir: Task.yield_many.)
template <class R>
[[nodiscard]] task<std::vector<std::optional<result<R>>>> yield_many(
    std::vector<pending_result<R>>& all, std::chrono::nanoseconds limit = default_call_timeout) {
  const std::vector<internal::job_handle*> handles = internal::handles_of(all);
  co_await internal::await_jobs(handles, internal::until::all_done, internal::wait_limit(limit));
  std::vector<std::optional<result<R>>> results;
  results.reserve(all.size());
  for (auto& one : all) results.push_back(one.done() ? std::optional(one.take()) : std::nullopt);
  co_return results;
}

}  // namespace troupe
