#pragma once

#include <troupe/task.hpp>

namespace troupe {

class context;

namespace internal {

class engine;
struct process_slot;
struct wait;

/// How a run of a process ended.
enum class outcome : std::uint8_t { waiting, finished };

// What a process runs: a coroutine or a server. Owned by the process's slot; touched only by the
// worker that runs the process.
class body {
 public:
  body() = default;
  body(const body&) = delete;
  body& operator=(const body&) = delete;

  // Runs until the process must wait, its budget is spent, or it is at its end.
  virtual outcome run(process_slot& slot) = 0;
  // Ends the body where it stands: destructors run.
  virtual void destroy() noexcept = 0;
  // Lets a behaviour say goodbye (server::terminate). May throw.
  virtual void terminate(const exit_reason&) {}
  // Whether requests of sys are taken where it receives. (A server takes them between its
  // messages.)
  [[nodiscard]] virtual bool answers_in_receive() const noexcept { return false; }
  // Bytes of the frame or of the server object, for reports.
  [[nodiscard]] virtual std::size_t memory() const noexcept = 0;

  // A name for reports.
  [[nodiscard]] virtual std::string_view behaviour() const noexcept = 0;
  [[nodiscard]] pid parent() const noexcept { return {0, parent_id}; }

  wait* waiting = nullptr;  // what it waits for, in the waiting coroutine's frame
  const message_type* last_message = nullptr;  // for reports
  std::uint64_t parent_id = 0;                 // a process of this system, or none

 protected:
  ~body() = default;
};

// What keeps a closure's captures alive for as long as the coroutine that it started.
struct kept_closure {
  virtual ~kept_closure() = default;
};

}  // namespace internal

/// What a process function returns: `process counter(context self, int start)`. A process is a
/// coroutine whose first parameter is its context; it takes its other parameters by value and ends
/// when it returns (reason normal), throws (reason error), or calls `self.exit(reason)`.
class process {
 public:
  struct promise_type;
  explicit process(promise_type* promise) noexcept : promise_(promise) {}
  process(process&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  process& operator=(process&&) = delete;
  inline ~process();
  [[nodiscard]] promise_type* release() noexcept { return std::exchange(promise_, nullptr); }
  inline void keep(std::unique_ptr<internal::kept_closure> closure) noexcept;
  inline void behaviour(std::string_view name) noexcept;

 private:
  promise_type* promise_;
};

struct process::promise_type final : internal::allocated_frame, internal::body {
  process get_return_object() noexcept { return process(this); }
  static constexpr std::suspend_always initial_suspend() noexcept { return {}; }
  static constexpr std::suspend_always final_suspend() noexcept { return {}; }
  void return_void() noexcept {}
  void unhandled_exception() noexcept;

  internal::outcome run(internal::process_slot& slot) override;
  void destroy() noexcept override;
  [[nodiscard]] bool answers_in_receive() const noexcept override { return true; }
  [[nodiscard]] std::size_t memory() const noexcept override;
  [[nodiscard]] std::string_view behaviour() const noexcept override { return name; }
  [[nodiscard]] auto handle() noexcept {
    return std::coroutine_handle<promise_type>::from_promise(*this);
  }

  std::unique_ptr<internal::kept_closure> closure;
  std::string_view name;  // of what it runs
};

inline process::~process() {
  if (promise_ != nullptr) promise_->destroy();
}
inline void process::keep(std::unique_ptr<internal::kept_closure> closure) noexcept {
  promise_->closure = std::move(closure);
}
inline void process::behaviour(std::string_view name) noexcept { promise_->name = name; }

}  // namespace troupe
