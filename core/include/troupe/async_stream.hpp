#pragma once
// A function over the items of a range, in tasks, some at a time. (Elixir: Task.async_stream.)
//
//     auto sizes = troupe::async_stream(self, urls, fetch_size, {.max_concurrency = 8});
//     while (auto size = co_await sizes.next()) total += size->has_value() ? **size : 0;

#include <troupe/async.hpp>

#include <optional>
#include <ranges>
#include <utility>
#include <vector>

namespace troupe {

/// What becomes of a stream when an item's task is not through in time.
enum class stream_timeout : std::uint8_t {
  fail,       // `next` throws call_error, and all tasks are ended
  kill_task,  // the task is ended; its result is a failure, `troupe::timeout`
};

struct async_stream_options {
  /// Tasks at most that run, or, in order, have a result that waits for its turn. 0: as many as the
  /// system has workers.
  std::size_t max_concurrency = 0;
  /// Whether results come in the order of their items, or as they are there.
  bool ordered = true;
  /// For each task, from its start; looked at in `next`. Calls that the task makes are bounded by
  /// it, as by the deadline of a request.
  std::chrono::nanoseconds timeout = default_call_timeout;
  stream_timeout on_timeout = stream_timeout::fail;
  /// A task supervisor to start them under, without links: what a function throws is then a failed
  /// result. Else it ends this process, too, unless that traps exits. (async_stream_nolink.)
  std::optional<destination> under = {};
};

namespace internal {

// The tasks of a stream that are under way, in the order of their start.
class running_jobs {
 public:
  running_jobs(context self, async_stream_options how);
  [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }
  [[nodiscard]] bool wants_more() const noexcept {
    return !over_ && jobs_.size() < how_.max_concurrency;
  }
  task<> start(context self, std::unique_ptr<job> work);
  // The next result or failure; throws if a task is late and that is to fail.
  task<message_node*> next(const message_type& wanted);

 private:
  std::vector<job_handle> end();  // the stream is over
  async_stream_options how_;
  std::vector<job_handle> jobs_;
  bool over_ = false;
};

}  // namespace internal

/// Calls a function, with or without a context in front, on each item of a range, each in a task of
/// its own; items are taken from the range only when their tasks start, which is in `next`. Belongs
/// to the process that made it. Destroying it ends the tasks that are under way.
template <std::ranges::input_range View, std::copy_constructible Function>
class async_stream {
 public:
  using item = std::ranges::range_value_t<View>;
  using value_type = internal::job_result<Function, item>;

  template <std::ranges::viewable_range Range>
  async_stream(context self, Range&& items, Function function, async_stream_options how = {})
      : self_(self),
        items_(std::views::all(std::forward<Range>(items))),
        function_(std::move(function)),
        running_(self, std::move(how)) {}
  async_stream(const async_stream&) = delete;
  async_stream& operator=(const async_stream&) = delete;

  /// The next result, or failure; nothing when all are through. If this throws, the stream is over.
  [[nodiscard]] task<std::optional<result<value_type>>> next() {
    if (!std::exchange(begun_, true)) at_.emplace(std::ranges::begin(items_));
    while (at_ && running_.wants_more()) {
      if (*at_ == std::ranges::end(items_)) {
        at_.reset();
        break;
      }
      auto work = internal::make_job(function_, item(**at_));
      ++*at_;
      co_await running_.start(self_, std::move(work));
    }
    if (running_.empty()) co_return std::nullopt;
    using payload = internal::reply_payload<internal::reply_value<value_type>>;
    co_return result<value_type>(co_await running_.next(message_type_of<payload>));
  }

 private:
  context self_;
  View items_;
  Function function_;
  internal::running_jobs running_;
  std::optional<std::ranges::iterator_t<View>> at_;  // none at the end
  bool begun_ = false;
};

template <class Range, class Function>
async_stream(context, Range&&, Function, async_stream_options = {})
    -> async_stream<std::views::all_t<Range>, Function>;

}  // namespace troupe
