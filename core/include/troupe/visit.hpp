#pragma once
// How a function is run in a server, between two of its messages: what sys::get_state and agents
// are made of. Nothing here is for users to name.

#include <troupe/server.hpp>

#include <functional>

namespace troupe::internal {

// A function on its way to a server of this node.
struct visitor {
  virtual ~visitor() = default;
  // In the server's process. Throws what the function throws, and sys::wrong_class.
  virtual message run(server& host) = 0;
};

// Asks a server to run a function. Not an aggregate, so that it stays on this node.
struct visit {
  using reply = message;
  using for_every_process = void;
  explicit visit(std::unique_ptr<visitor> what) : function(std::move(what)) {}
  std::unique_ptr<visitor> function;
};

// Throws std::invalid_argument for a process of another node: a function cannot go there.
void check_local(pid to);
[[noreturn]] void throw_wrong_class(std::string_view wanted);

template <class S, class Function>
struct visitor_of final : visitor {
  using result = std::decay_t<std::invoke_result_t<Function&, S&>>;

  explicit visitor_of(Function f) : function(std::move(f)) {}
  message run(server& host) override {
    auto* const found = dynamic_cast<std::remove_const_t<S>*>(&host);
    if (found == nullptr) throw_wrong_class(type_of<std::remove_const_t<S>>.name);
    S& visited = *found;
    if constexpr (std::is_void_v<result>) {
      std::invoke(function, visited);
      return {};
    } else {
      return message::of<result>(std::invoke(function, visited));
    }
  }
  Function function;
};

// `S` is const for a function that only looks.
template <class S, class Function>
std::unique_ptr<visitor> make_visitor(pid to, Function function) {
  static_assert(std::is_invocable_v<Function&, S&>,
                "this function cannot be called with what it is to visit");
  using result = std::invoke_result_t<Function&, S&>;
  static_assert(!is_task<std::decay_t<result>>,
                "a function that visits another process cannot wait there: it must not be a task");
  if constexpr (!std::is_void_v<result>) check_sendable<std::decay_t<result>>();
  check_local(to);
  return std::make_unique<visitor_of<S, Function>>(std::move(function));
}

// `Message` holds a visitor whose function gives R.
template <class R, class Message>
task<R> await_visit(context self, pid to, Message what, std::chrono::nanoseconds timeout) {
  message answer = co_await self.call(to, std::move(what), timeout);
  if constexpr (!std::is_void_v<R>) co_return std::move(*answer.get_if<R>());
}

}  // namespace troupe::internal
