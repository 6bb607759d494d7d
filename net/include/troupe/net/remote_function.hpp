#pragma once
// Functions that other nodes may call. (OTP: erpc.)

#include <troupe/child_spec.hpp>
#include <troupe/multi_call.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/system.hpp>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace troupe::net {

template <class Signature>
class remote_function;

namespace internal {

// One call: a request as any other, to the process that has the function's name.
template <class R, class... Args>
struct function_call {
  using reply = R;
  std::tuple<Args...> arguments;

  static constexpr auto joined =
      troupe::internal::join_names<troupe::internal::reply_value<R>, Args...>("function_call");
  static constexpr std::string_view type_name{joined.text, joined.size};
};

struct call_expired {
  pid runs_it;
};

// The server of one function: which process runs which call, and for whom.
class function_server : public server {
 public:
  void handle(const down& caller);
  void handle(const exit_signal& run);
  void handle(const call_expired& run);

 protected:
  function_server() { self.trap_exits(true); }
  void note(pid runs_it, pid caller, steady_time deadline);

 private:
  struct call {
    monitor_ref caller;
    timer_ref deadline;
  };
  std::map<pid, call> calls_;
  std::map<monitor_ref, pid> callers_;
};

template <class F, class... Args>
decltype(auto) invoke_function(const F& f, context self, std::tuple<Args...>& arguments) {
  return std::apply(
      [&](Args&... args) -> decltype(auto) {
        if constexpr (std::is_invocable_v<const F&, context, Args...>)
          return f(self, std::move(args)...);
        else
          return f(std::move(args)...);
      },
      arguments);
}

// It takes the call as a message, so that its deadline holds for the calls that the function makes.
template <class F, class R, class... Args>
process run_function(context self, std::shared_ptr<const F> f) {
  auto asked = co_await self.receive<request<function_call<R, Args...>>>();
  using given = decltype(invoke_function(*f, self, asked->arguments));
  try {
    if constexpr (std::is_void_v<given>) {
      invoke_function(*f, self, asked->arguments);
      asked.reply();
    } else if constexpr (!troupe::internal::is_task<given>) {
      asked.reply(invoke_function(*f, self, asked->arguments));
    } else if constexpr (std::is_void_v<R>) {
      co_await invoke_function(*f, self, asked->arguments);
      asked.reply();
    } else {
      asked.reply(co_await invoke_function(*f, self, asked->arguments));
    }
  } catch (...) {  // the caller's affair: no crash here
    asked.fail(exit_reason::from_current_exception());
  }
}

template <class F, class R, class... Args>
class server_of final : public function_server {
 public:
  using handles = messages<function_call<R, Args...>, down, exit_signal, call_expired>;
  explicit server_of(std::shared_ptr<const F> f) : f_(std::move(f)) {}
  using function_server::handle;
  void handle(request<function_call<R, Args...>> asked) {
    const pid runs_it = self.spawn_link(&run_function<F, R, Args...>, f_);
    note(runs_it, asked.from(), asked.deadline());
    self.send(runs_it, std::move(asked));
  }

 private:
  const std::shared_ptr<const F> f_;
};

}  // namespace internal

/// A function that nodes offer under a name and that any process of the cluster calls: a value, the
/// same on both sides, so that a header that both include checks arguments and results.
///
///     const remote_function<int(int, int)> add("add");
///     add.offer(system, [](int a, int b) { return a + b; });           // on b@10.0.0.2:7400
///     int sum = co_await add.call(self, "b@10.0.0.2:7400", 1, 2);      // anywhere
///     auto all = co_await add.multi_call(self, {"a@10.0.0.1:7400", "b@10.0.0.2:7400"}, 1, 2);
///
/// Each call runs in a process of its own there, so any number run at once, and calls that it makes
/// inherit what is left of the caller's time. When the time is over, or the caller has ended or its
/// node is lost, that process is killed: its destructors run. (In OTP it goes on.) What a call
/// asked for may have been done though the caller got no answer.
template <class R, class... Args>
class remote_function<R(Args...)> {
  static_assert((!std::is_reference_v<Args> && ...) && !std::is_reference_v<R>,
                "arguments and results cross the network: give their types without references");
  using call_type = internal::function_call<R, Args...>;

 public:
  /// The name is a registered one, on each node that offers the function: see
  /// node_options::reachable_names.
  explicit remote_function(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Offers the function on this node. `f` takes the arguments, with a
  /// `context` before them if it wants one, and returns the result or a `task` of it. It is called
  /// by many processes at once, so through a const reference. Gives its supervisor, with whose end
  /// it is offered no more. Throws if the name is taken.
  template <class F>
  supervisor_ref offer(system& here, F f) const {
    return here.supervise(one_for_one{}, {child(std::move(f))});
  }
  /// The same as a child of a supervisor. Calls that are under way when it stops fail.
  template <class F>
  [[nodiscard]] child_spec child(F f) const {
    constexpr bool fits =
        std::is_invocable_v<const F&, Args...> || std::is_invocable_v<const F&, context, Args...>;
    static_assert(fits,
                  "the function must take these arguments, and may take a troupe::context "
                  "before them; it is called through a const reference");
    return troupe::child<internal::server_of<F, R, Args...>>(
               name_, std::make_shared<const F>(std::move(f)))
        .registered();
  }

  /// Calls the function on that node; empty: on this one. Throws call_error, whose reason is that
  /// of `self.exit(reason)` there, an error with type and text of the exception that left the
  /// function, `killed`, noconnection, or an error
  ///   `troupe::not_offered`    nobody has that name there
  ///   `troupe::bad_arguments`  what has it takes other arguments or gives another result
  ///   `troupe::timeout`        no answer in time; the time of the request that is being served,
  ///                            if there is one, bounds it, too
  task<R> call(context self, std::string node, Args... args,
               std::chrono::nanoseconds timeout = default_call_timeout) const {
    const destination to(name_, node);
    call_type what{std::tuple<Args...>(std::move(args)...)};
    auto answer = co_await self.try_call(to, std::move(what), timeout);
    if (!answer) throw call_error(name_, to_string(to), explained(answer.reason(), node));
    if constexpr (!std::is_void_v<R>) co_return std::move(*answer);
  }
  /// Calls it on many nodes at the same time, all together no longer than the limit: results and
  /// reasons, by node, in the order given. (OTP: erpc:multicall.)
  task<multi_reply<R>> multi_call(context self, std::vector<std::string> nodes, Args... args,
                                  std::chrono::nanoseconds timeout = default_call_timeout) const {
    std::vector<destination> all;
    all.reserve(nodes.size());
    for (const std::string& node : nodes) all.emplace_back(name_, node);
    call_type what{std::tuple<Args...>(std::move(args)...)};
    auto got = co_await troupe::multi_call(self, std::move(all), std::move(what), timeout);
    for (auto& failed : got.bad) failed.reason = explained(failed.reason, failed.by.node());
    co_return got;
  }

 private:
  [[nodiscard]] exit_reason explained(const exit_reason& why, const std::string& node) const {
    const std::string there = node.empty() ? "this node" : "node " + node;
    if (why == exit_reason::noproc)
      return exit_reason::error("troupe::not_offered",
                                there + " does not offer the function " + name_);
    // Its process there takes no such call: it answers all that it takes.
    if (why.type() == "troupe::not_receivable" || why.type() == "troupe::no_reply")
      return exit_reason::error("troupe::bad_arguments", there + " offers the function " + name_ +
                                                             ", which cannot be called as " +
                                                             std::string(call_type::type_name) +
                                                             ": " + std::string(why.text()));
    return why;
  }

  std::string name_;
};

}  // namespace troupe::net
