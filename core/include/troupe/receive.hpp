#pragma once

#include <troupe/task.hpp>
#include <troupe/wait.hpp>

#include <array>
#include <tuple>

namespace troupe {

template <class Handler>
struct after_clause {
  std::chrono::nanoseconds limit;
  Handler handler;
};

/// The clause of a `receive` that runs if no other does within the limit; zero looks only at what
/// is there. (Erlang: `after`.)
template <class Handler>
[[nodiscard]] after_clause<std::decay_t<Handler>> after(std::chrono::nanoseconds limit,
                                                        Handler&& handler) {
  return {limit, std::forward<Handler>(handler)};
}

namespace internal {

// What a handler takes and gives, found from its one signature.
template <class Handler>
struct signature : signature<decltype(&Handler::operator())> {};
template <class R, class Argument>
struct signature<R (*)(Argument)> {
  using argument = Argument;
  using payload = std::remove_cvref_t<Argument>;
  using result = R;
};
template <class R, class Argument>
struct signature<R (*)(Argument) noexcept> : signature<R (*)(Argument)> {};
template <class R, class C, class Argument>
struct signature<R (C::*)(Argument)> : signature<R (*)(Argument)> {};
template <class R, class C, class Argument>
struct signature<R (C::*)(Argument) const> : signature<R (*)(Argument)> {};
template <class R, class C, class Argument>
struct signature<R (C::*)(Argument) noexcept> : signature<R (*)(Argument)> {};
template <class R, class C, class Argument>
struct signature<R (C::*)(Argument) const noexcept> : signature<R (*)(Argument)> {};

template <class Handler>
inline constexpr bool is_after = false;
template <class Handler>
inline constexpr bool is_after<after_clause<Handler>> = true;

template <class Clause>
struct clause_result {
  using type = typename signature<Clause>::result;
};
template <class Handler>
struct clause_result<after_clause<Handler>> {
  using type = std::invoke_result_t<Handler&>;
};
template <class R>
struct unwrap {
  using type = R;
};
template <class R>
struct unwrap<task<R>> {
  using type = R;
};

template <class Clause>
consteval const message_type* clause_type() {
  if constexpr (is_after<Clause>) {
    return nullptr;
  } else {
    using payload = typename signature<Clause>::payload;
    if constexpr (std::same_as<payload, message>) {
      return nullptr;
    } else {
      check_sendable<payload>();
      return &message_type_of<payload>;
    }
  }
}

template <class R, class Handler, class... Argument>
task<R> as_task(Handler& handler, Argument... argument) {
  if constexpr (is_task<std::invoke_result_t<Handler&, Argument...>>)
    co_return co_await handler(std::move(argument)...);
  else
    co_return handler(std::move(argument)...);
}

// Calls the handler; where some handler of the receive is a coroutine, all results are tasks.
template <class Result, class Handler, class... Argument>
Result call_clause(Handler& handler, Argument&&... argument) {
  if constexpr (is_task<Result>)
    return as_task<typename Result::value_type, Handler, std::remove_cvref_t<Argument>...>(
        handler, std::forward<Argument>(argument)...);
  else
    return handler(std::forward<Argument>(argument)...);
}

template <class Result, class Clause>
Result run_clause(Clause& clause, message& taken) {
  using payload = typename signature<Clause>::payload;
  using argument = typename signature<Clause>::argument;
  if constexpr (std::same_as<payload, message>)
    return call_clause<Result>(clause, std::move(taken));
  else
    return call_clause<Result>(clause, static_cast<argument&&>(*taken.get_if<payload>()));
}

template <class Result, class... Clauses>
class [[nodiscard("co_await it")]] receive_awaiter : public receive_wait {
 public:
  explicit receive_awaiter(Clauses... handlers) : handlers_(std::move(handlers)...) {
    this->take(std::span(types).first(count));
    (mention_clause<Clauses>(), ...);
  }
  [[nodiscard]] bool await_ready() { return ready_within(limit()); }
  void await_suspend(std::coroutine_handle<> leaf) { suspend_within(leaf, limit()); }
  Result await_resume() {
    if constexpr (timed)
      if (match == nullptr)
        return call_clause<Result>(std::get<sizeof...(Clauses) - 1>(handlers_).handler);
    if constexpr (count > 0) {
      message taken(std::exchange(match, nullptr));
      return dispatch<0>(taken);
    }
  }

 private:
  using last = std::tuple_element_t<sizeof...(Clauses) - 1, std::tuple<Clauses...>>;
  static constexpr bool timed = is_after<last>;
  static constexpr std::size_t count = sizeof...(Clauses) - (timed ? 1 : 0);
  static constexpr std::array<const message_type*, sizeof...(Clauses)> types = {
      clause_type<Clauses>()...};

  template <class Clause>
  static void mention_clause() noexcept {
    if constexpr (!is_after<Clause>)
      if constexpr (!std::same_as<typename signature<Clause>::payload, message>)
        mention<typename signature<Clause>::payload>();
  }
  std::chrono::nanoseconds limit() const noexcept {
    if constexpr (timed)
      return std::get<sizeof...(Clauses) - 1>(handlers_).limit;
    else
      return infinity;
  }

  template <std::size_t I>
  Result dispatch(message& taken) {
    if constexpr (I + 1 < count) {
      if (clause != I) return dispatch<I + 1>(taken);
    }
    return run_clause<Result>(std::get<I>(handlers_), taken);
  }

  std::tuple<Clauses...> handlers_;
};

template <class R, class... Clauses>
task<R> receive_with_tasks(Clauses... clauses) {
  // The awaiter is named so that handlers live until their coroutines have ended.
  receive_awaiter<task<R>, Clauses...> step(std::move(clauses)...);
  task<R> body = co_await step;
  co_return co_await body;
}

template <class... Clauses>
consteval bool after_stands_last() {
  std::size_t index = 0;
  return ((++index == sizeof...(Clauses) || !is_after<Clauses>) && ...);
}

template <class... Clauses>
concept of_one_result = requires {
  typename std::common_type<typename unwrap<typename clause_result<Clauses>::type>::type...>::type;
};

// What is wrong is said once: nothing is made of clauses that cannot be.
template <class... Clauses>
auto make_receive(Clauses... clauses) {
  static_assert(sizeof...(Clauses) > 0, "receive needs a handler, as in receive([](add m) {...})");
  static_assert(after_stands_last<Clauses...>(),
                "`after` is the last clause of a receive, and there is one at most");
  static_assert(sizeof...(Clauses) == 0 || of_one_result<Clauses...>,
                "the handlers of one receive must give results of one type");
  if constexpr (!after_stands_last<Clauses...>() || !of_one_result<Clauses...>) {
    return std::suspend_never();
  } else {
    using result =
        std::common_type_t<typename unwrap<typename clause_result<Clauses>::type>::type...>;
    if constexpr ((is_task<typename clause_result<Clauses>::type> || ...))
      return receive_with_tasks<result>(std::move(clauses)...);
    else
      return receive_awaiter<result, Clauses...>(std::move(clauses)...);
  }
}

struct any_value {
  template <class T>
  bool operator()(const T&) const noexcept {
    return true;
  }
};

// receive<T>(): one type, or with T = message any, perhaps with a predicate and a limit.
template <class T, class Predicate, bool Timed>
class [[nodiscard("co_await it")]] receive_one : public receive_wait {
 public:
  receive_one(Predicate predicate, std::chrono::nanoseconds limit)
      : predicate_(std::move(predicate)) {
    if constexpr (Timed) limit_.value = limit;
    if constexpr (any) {
      static_assert(!has_predicate,
                    "receive<message>() takes the first message whatever it is: a predicate needs "
                    "a type to look at");
    } else {
      check_sendable<T>();
      mention<T>();
    }
    receive_wait::take(types);
    if constexpr (has_predicate)
      accepts = [](receive_wait& self, message_node& candidate) noexcept {
        return static_cast<receive_one&>(self).holds_for(
            *static_cast<const T*>(candidate.payload()));
      };
  }
  [[nodiscard]] bool await_ready() { return ready_within(limit_.value); }
  void await_suspend(std::coroutine_handle<> leaf) { suspend_within(leaf, limit_.value); }
  auto await_resume() {
    if constexpr (has_predicate)
      if (failed) std::rethrow_exception(failure_);
    if constexpr (Timed) {
      if (match == nullptr) return std::optional<T>();
      return std::optional<T>(taken());
    } else {
      return taken();
    }
  }

 private:
  static constexpr bool any = std::same_as<T, message>;
  static constexpr bool has_predicate = !std::same_as<Predicate, any_value>;
  // What most receives do not need takes no room in an idle process.
  struct time_limit {
    std::chrono::nanoseconds value;
  };
  struct no_limit {
    static constexpr std::chrono::nanoseconds value = infinity;
  };
  static constexpr const message_type* type() noexcept {
    if constexpr (any)
      return nullptr;
    else
      return &message_type_of<T>;
  }
  static constexpr std::array<const message_type*, 1> types = {type()};
  // Runs outside the coroutine, which is told by await_resume. The message stays where it is.
  bool holds_for(const T& candidate) noexcept {
    try {
      return predicate_(candidate);
    } catch (...) {
      failure_ = std::current_exception();
      failed = true;
      return false;
    }
  }
  T taken() {
    message found(std::exchange(match, nullptr));
    if constexpr (any)
      return found;
    else
      return std::move(*found.get_if<T>());
  }
  [[no_unique_address]] Predicate predicate_;
  [[no_unique_address]] std::conditional_t<Timed, time_limit, no_limit> limit_;
  // What the predicate threw.
  [[no_unique_address]] std::conditional_t<has_predicate, std::exception_ptr, nothing> failure_;
};

}  // namespace internal
}  // namespace troupe
