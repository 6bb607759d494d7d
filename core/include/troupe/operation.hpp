#pragma once

#include <troupe/wait.hpp>

#include <exception>
#include <optional>

namespace troupe {

namespace internal {
class engine;
}

/// Tells a process that what it waits for outside is done. Call it exactly once, from any thread;
/// the process may be gone the moment it returns.
class completion {
 public:
  completion() = default;
  completion(internal::engine& home, pid waiter, std::uint64_t token)
      : home_(&home), waiter_(waiter), token_(token) {}
  void operator()() const;

 private:
  internal::engine* home_ = nullptr;
  pid waiter_;
  std::uint64_t token_ = 0;
};

/// Something outside the scheduler that a process waits for with `co_await self.perform(op)`: a
/// socket, a job on the blocking pool. The process lives until the completion is called, even when
/// it is killed meanwhile, so that the operation may use memory of the process's frame.
class operation {
 public:
  virtual ~operation() = default;
  /// Begins. Runs on the process's worker; must not block. If it throws, it has not begun.
  virtual void start(completion done) = 0;
  /// Asks a started operation to complete early, because its process must end. Called once at
  /// most, on a worker, and perhaps when the operation is just completing.
  virtual void cancel() noexcept {}
};

namespace internal {

struct [[nodiscard("co_await it")]] operation_wait : wait {
  explicit operation_wait(operation& what);
  [[nodiscard]] static constexpr bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf);
  static constexpr void await_resume() noexcept {}

  operation& work;
  std::uint64_t token = 0;  // tells its completion from those of others
  bool done = false;
  bool asked_to_end = false;
};

// Hands a job to the blocking pool of the running process's system.
class blocking_job : public operation {
 public:
  void start(completion done) final;
  virtual void run() noexcept = 0;  // on a thread of the pool
  completion done;
  blocking_job* next = nullptr;
};

// What a process awaits when a function is called elsewhere: what it returns or throws there is
// given to the process. `Base` brings `call` to where it runs.
template <class Function, class Base>
class call_elsewhere : public Base {
 public:
  using result = std::invoke_result_t<Function&>;
  explicit call_elsewhere(Function function) : function_(std::move(function)), wait_(*this) {}

  [[nodiscard]] static constexpr bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) { wait_.await_suspend(leaf); }
  result await_resume() {
    if (failure_) std::rethrow_exception(failure_);
    if constexpr (!std::is_void_v<result>) return std::move(*value_);
  }

 protected:
  void call() noexcept {
    try {
      if constexpr (std::is_void_v<result>)
        function_();
      else
        value_.emplace(function_());
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

 private:
  struct empty {};
  Function function_;
  std::conditional_t<std::is_void_v<result>, empty, std::optional<result>> value_;
  std::exception_ptr failure_;
  operation_wait wait_;
};

template <class Function>
class [[nodiscard("co_await it")]] blocking_awaiter final
    : public call_elsewhere<Function, blocking_job> {
 public:
  using call_elsewhere<Function, blocking_job>::call_elsewhere;

 private:
  void run() noexcept override { this->call(); }
};

}  // namespace internal
}  // namespace troupe
