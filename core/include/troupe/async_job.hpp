#pragma once
// How a function comes into a process of its own and its result back. Nothing here is for users to
// name: see async.hpp.

#include <troupe/call.hpp>
#include <troupe/context.hpp>

#include <memory>
#include <span>
#include <tuple>

namespace troupe::internal {

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
  static constexpr bool takes_these = takes_context || std::is_invocable_v<Function&, Args...>;
  using given = typename decltype(called_with<Function, Args...>())::type;
  static constexpr bool fits =
      takes_these && !takes_references<Function> && !std::same_as<given, process>;
  using result = typename unwrap<std::conditional_t<fits, given, void>>::type;

  // Last, so that what is wrong is said once: nothing is made of what does not fit.
  static_assert(!takes_references<Function>,
                "a task's function takes its parameters by value: what a reference means may be "
                "gone when the task runs");
  static_assert(takes_references<Function> || takes_these,
                "async needs a function that takes these arguments, perhaps after a "
                "troupe::context: task<int> f(context self, std::string host)");
  static_assert(!std::same_as<given, process>,
                "a process function has no result: spawn it, or let it return a task");
  static_assert((check_sendable<Args>(), ..., true));
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
  if constexpr (job_call<std::decay_t<Function>, std::decay_t<Args>...>::fits)
    return std::make_unique<job_of<std::decay_t<Function>, std::decay_t<Args>...>>(
        std::forward<Function>(function), std::forward<Args>(args)...);
  else
    return nullptr;
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

}  // namespace troupe::internal
