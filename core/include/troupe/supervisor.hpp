#pragma once

#include <troupe/child_spec.hpp>
#include <troupe/supervisor_requests.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace troupe {

/// Whether a supervisor ends by itself when its significant children do, by themselves and not to
/// be restarted: it then stops the other children and ends with `shutdown`. (OTP: auto_shutdown.)
enum class auto_shutdown : std::uint8_t {
  never,
  any_significant,  // when one has ended
  all_significant,  // when none is left
};

/// Strategies, with the intensity that bounds restarts: a supervisor that has restarted more than
/// `intensity` times within `period` gives up: it stops its children and ends with `shutdown`.
/// (OTP: supervisor flags; the same defaults.)
struct one_for_one {  // a child that ends is restarted alone
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
};
struct one_for_all {  // when one ends, all others are stopped, and all are started again
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
};
struct rest_for_one {  // when one ends, those started after it are stopped and started again too
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
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
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
};
template <supervision_strategy S>
constexpr strategy as_strategy(S s) {
  constexpr auto kind = std::same_as<S, one_for_one>   ? strategy_kind::one_for_one
                        : std::same_as<S, one_for_all> ? strategy_kind::one_for_all
                                                       : strategy_kind::rest_for_one;
  return {kind, s.intensity, s.period, s.auto_shutdown};
}

}  // namespace internal

namespace internal {
pid launch_supervisor(engine& home, const launch_options& options, strategy how,
                      std::vector<child_spec> children);
// Throws std::invalid_argument if the specifications contradict themselves. `supervisor` is what
// the text calls the supervisor.
void check(std::string_view supervisor, const strategy& how,
           const std::vector<child_spec>& children);
}  // namespace internal

/// A child that is a supervisor with children of its own. Throws std::invalid_argument if their
/// specifications contradict themselves.
template <supervision_strategy Strategy>
[[nodiscard]] child_spec supervisor(std::string id, Strategy how,
                                    std::vector<child_spec> children) {
  internal::check(id, internal::as_strategy(how), children);
  auto start = [strategy = internal::as_strategy(how), children = std::move(children)](
                   internal::engine& home, const internal::launch_options& options) {
    return internal::launch_supervisor(home, options, strategy, children);
  };
  return child_spec({.id = std::move(id),
                     .start = std::move(start),
                     .announces = true,
                     .policy = {.shutdown = infinity, .supervises = true}});
}

}  // namespace troupe
