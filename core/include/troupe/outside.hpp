#pragma once
// How a thread that is not a worker waits for a process. Nothing here is for users to name.

#include <troupe/exit_reason.hpp>
#include <troupe/task.hpp>

namespace troupe::internal {

class engine;

// A flag on which an outside thread sleeps until a process sets it.
class outside_wait {
 public:
  explicit outside_wait(engine& home);  // throws std::logic_error inside a process
  outside_wait(const outside_wait&) = delete;
  outside_wait& operator=(const outside_wait&) = delete;
  // `process` is the one that the thread waits for, if it is one.
  void wait(pid process = {});

  // Sets the flag when it dies. The outside thread may destroy the wait the moment that is seen.
  class notice {
   public:
    explicit notice(outside_wait& target) noexcept : target_(target) {}
    notice(const notice&) = delete;
    notice& operator=(const notice&) = delete;
    ~notice();

   private:
    outside_wait& target_;
  };

 private:
  engine& home_;
  std::uint32_t done_ = 0;  // a futex word: reached by atomic operations only
};

template <class R>
struct run_state {
  task<> keep(task<R> body) {
    try {
      if constexpr (std::is_void_v<R>) {
        co_await body;
        finished = true;
      } else {
        value.emplace(co_await body);
      }
    } catch (const exit_request&) {
      throw;
    } catch (...) {
      failure = std::current_exception();
    }
  }
  R take() {
    if (failure) std::rethrow_exception(failure);
    if constexpr (std::is_void_v<R>) {
      if (!finished) throw_ended();
    } else {
      if (!value) throw_ended();
      return std::move(*value);
    }
  }
  [[noreturn]] static void throw_ended() {
    throw std::runtime_error("troupe::system::run: its process was ended before it had a result");
  }
  struct empty {};
  std::conditional_t<std::is_void_v<R>, empty, std::optional<R>> value;
  bool finished = false;
  std::exception_ptr failure;
};

}  // namespace troupe::internal
