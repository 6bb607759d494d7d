#pragma once
// Functions that run in processes of their own and give a result back. (Elixir: Task.)
//
//     // int count_lines(std::string path), task<std::string> fetch(context self, url from)
//     auto lines = troupe::async(self, count_lines, path);
//     auto page = troupe::async(self, fetch, from);
//     int n = co_await lines;  // waits 5 s at most; throws as a call does
//     std::string text = co_await page.await(30s);
//
// What such a function throws ends its process, and by a link the one that started it, as in
// Elixir; one that traps exits lives on and has the failure thrown at the co_await. Where a failure
// is only to be a failed result, start the function under a task supervisor: `async_nolink`.

#include <troupe/async_job.hpp>
#include <troupe/dynamic_supervisor.hpp>

#include <optional>
#include <vector>

namespace troupe {

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
/// any function of these arguments, with or without the context in front. Arguments and result are
/// of types that can be sent, and a closure's captures live as long as the task. Throws
/// std::runtime_error if the process table is full. (Elixir: Task.async.)
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
