#pragma once

#include <troupe/visit.hpp>

namespace troupe {

namespace internal {

// A function for an agent: a message like others, which waits while the agent is suspended.
struct agent_work {
  using reply = message;
  agent_work(std::unique_ptr<visitor> what, bool may_change)
      : function(std::move(what)), changes(may_change) {}
  std::unique_ptr<visitor> function;
  bool changes;
};

class agent_base : public server {
 public:
  using handles = messages<agent_work>;
  void handle(request<agent_work> asked);
};

}  // namespace internal

/// A process that holds a value for others: state without a protocol. (Elixir: Agent.)
///
///     using hits = troupe::agent<std::map<std::string, int>>;
///     auto counter = self.spawn<hits>();                        // or child<hits>("hits")
///     co_await hits::update(self, counter, [](auto& all) { ++all["/"]; });
///     int n = co_await hits::get(self, counter, [](const auto& all) { return all.at("/"); });
///
/// The functions run in the agent, one after the other; each must hold what it needs by value, for
/// it may run after the caller has given up. Only for agents of this node: throws
/// std::invalid_argument otherwise. A function that throws fails the call; one that may change the
/// value also ends the agent, as in Elixir, for the value may be half changed. For what needs more,
/// write a server.
template <class T>
class agent : public internal::agent_base {
 public:
  using value_type = T;

  /// `spawn<agent<T>>(arguments...)` makes the value from these, in the new process.
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit agent(Args&&... args) : value_(std::forward<Args>(args)...) {}

  /// Gives a copy of the value.
  [[nodiscard]] static auto get(context self, ref<agent> of,
                                std::chrono::nanoseconds timeout = default_call_timeout) {
    return get(self, of, [](const T& value) { return value; }, timeout);
  }
  /// Gives what `f(const T&)` returns.
  template <class Function>
    requires std::invocable<Function&, const T&>
  [[nodiscard]] static auto get(context self, ref<agent> of, Function f,
                                std::chrono::nanoseconds timeout = default_call_timeout) {
    return ask<const agent>(
        self, of, [f = std::move(f)](const agent& a) mutable { return std::invoke(f, a.value_); },
        timeout);
  }
  /// Runs `f(T&)` and waits until it has run.
  template <std::invocable<T&> Function>
  [[nodiscard]] static task<> update(context self, ref<agent> of, Function f,
                                     std::chrono::nanoseconds timeout = default_call_timeout) {
    return ask<agent>(self, of, changing(std::move(f)), timeout);
  }
  /// Runs `f(T&)` and gives what it returns.
  template <std::invocable<T&> Function>
  [[nodiscard]] static auto get_and_update(
      context self, ref<agent> of, Function f,
      std::chrono::nanoseconds timeout = default_call_timeout) {
    return ask<agent>(
        self, of, [f = std::move(f)](agent& a) mutable { return std::invoke(f, a.value_); },
        timeout);
  }
  /// Has `f(T&)` run some time, without waiting.
  template <std::invocable<T&> Function>
  static void cast(context self, ref<agent> of, Function f) {
    self.send(of.id(), internal::agent_work(
                           internal::make_visitor<agent>(of, changing(std::move(f))), true));
  }

 private:
  template <class Function>
  static auto changing(Function f) {
    return [f = std::move(f)](agent& a) mutable { (void)std::invoke(f, a.value_); };
  }
  template <class Visited, class Function>
  static auto ask(context self, ref<agent> of, Function f, std::chrono::nanoseconds timeout) {
    using result = typename internal::visitor_of<Visited, Function>::result;
    return internal::await_visit<result>(
        self, of,
        internal::agent_work(internal::make_visitor<Visited>(of, std::move(f)),
                             !std::is_const_v<Visited>),
        timeout);
  }

  T value_;
};

}  // namespace troupe
