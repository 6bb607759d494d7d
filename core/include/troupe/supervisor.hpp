#pragma once

#include <troupe/server.hpp>

#include <functional>
#include <string>
#include <vector>

namespace troupe {

/// When a child is started again after it has ended. (OTP: restart types.)
enum class restart_type : std::uint8_t {
  permanent,  // always
  transient,  // unless it ended with normal or shutdown
  temporary,  // never
};

/// Strategies, with the intensity that bounds restarts: a supervisor that has restarted more than
/// `intensity` times within `period` gives up: it stops its children and ends with `shutdown`.
/// (OTP: supervisor flags; the same defaults.)
struct one_for_one {  // a child that ends is restarted alone
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
};
struct one_for_all {  // when one ends, all others are stopped, and all are started again
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
};
struct rest_for_one {  // when one ends, those started after it are stopped and started again too
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
};

template <class S>
concept supervision_strategy =
    std::same_as<S, one_for_one> || std::same_as<S, one_for_all> || std::same_as<S, rest_for_one>;

/// A start that failed: the text names the child and the reason.
class start_failed : public std::runtime_error {
 public:
  start_failed(std::string_view child, exit_reason why);
  [[nodiscard]] const exit_reason& reason() const noexcept { return reason_; }

 private:
  exit_reason reason_;
};

namespace internal {

enum class strategy_kind : std::uint8_t { one_for_one, one_for_all, rest_for_one };
struct strategy {
  strategy_kind kind = strategy_kind::one_for_one;
  int intensity = 1;
  std::chrono::nanoseconds period{};
};
template <supervision_strategy S>
constexpr strategy as_strategy(S s) {
  constexpr auto kind = std::same_as<S, one_for_one>   ? strategy_kind::one_for_one
                        : std::same_as<S, one_for_all> ? strategy_kind::one_for_all
                                                       : strategy_kind::rest_for_one;
  return {kind, s.intensity, s.period};
}

}  // namespace internal

namespace internal {

struct child_record {
  std::string id;
  std::string name = {};
  std::function<pid(engine&, const launch_options&)> start;
  restart_type type = restart_type::permanent;
  std::chrono::nanoseconds shutdown = std::chrono::seconds(5);
  bool announces = false;  // tells when its init is through, so that the next child can start
};

}  // namespace internal

/// One child of a supervisor: how it is started, restarted and stopped. A value; the setters can
/// be chained: `child<accounts>("accounts", dsn).shutdown(10s).transient()`.
/// (OTP: child specification; the same defaults.)
class child_spec {
 public:
  explicit child_spec(internal::child_record record) : record_(std::move(record)) {}

  /// Registers the child under this name before it runs.
  child_spec name(std::string name) && {
    record_.name = std::move(name);
    return std::move(*this);
  }
  /// The name is the child's id.
  child_spec registered() && {
    record_.name = record_.id;
    return std::move(*this);
  }
  child_spec transient() && { return std::move(*this).restarted(restart_type::transient); }
  child_spec temporary() && { return std::move(*this).restarted(restart_type::temporary); }
  child_spec restarted(restart_type type) && {
    record_.type = type;
    return std::move(*this);
  }
  /// How long it may take to end after `shutdown` before it is killed; `infinity` waits for ever.
  /// 5 s unless set, for ever for a supervisor.
  child_spec shutdown(std::chrono::nanoseconds limit) && {
    record_.shutdown = limit;
    return std::move(*this);
  }
  /// It is killed at once when it is to stop.
  child_spec brutal_kill() && {
    return std::move(*this).shutdown(std::chrono::nanoseconds::zero());
  }

  [[nodiscard]] const internal::child_record& record() const noexcept { return record_; }

 private:
  internal::child_record record_;
};

namespace internal {
pid launch_supervisor(engine& home, const launch_options& options, strategy how,
                      std::vector<child_spec> children);
// For a process function that is a child whose record says `announces`: its init is through.
// Started in another way, it has nobody to tell.
void announce_started(context self);
}  // namespace internal

/// A child that is a server: its constructor's arguments are copied at each start. The next child
/// starts when the constructor is through.
template <internal::server_type S, class... Args>
[[nodiscard]] child_spec child(std::string id, Args... args) {
  auto start = [args...](internal::engine& home, const internal::launch_options& options) {
    return internal::launch_server<S>(home, options, args...).id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start), .announces = true});
}
/// A child that is a process function.
template <class Function, class... Args>
  requires std::is_invocable_r_v<process, Function&, context, Args...>
[[nodiscard]] child_spec child(std::string id, Function function, Args... args) {
  auto start = [function, args...](internal::engine& home,
                                   const internal::launch_options& options) {
    return internal::launch(home, options, internal::behaviour_name<Function>(), function, args...)
        .id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start)});
}
/// A child that is a supervisor with children of its own.
template <supervision_strategy Strategy>
[[nodiscard]] child_spec supervisor(std::string id, Strategy how,
                                    std::vector<child_spec> children) {
  auto start = [strategy = internal::as_strategy(how), children = std::move(children)](
                   internal::engine& home, const internal::launch_options& options) {
    return internal::launch_supervisor(home, options, strategy, children);
  };
  return child_spec(
      {.id = std::move(id), .start = std::move(start), .shutdown = infinity, .announces = true});
}

}  // namespace troupe
