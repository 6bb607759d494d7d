#pragma once
// How one child comes to life and how it is ended: what supervisors of all kinds share.

#include <troupe/supervisor.hpp>

#include <optional>

namespace troupe::internal {

// What became of a start.
struct start_outcome {
  pid process;          // none if it failed or is ignored
  exit_reason failure;  // `normal` if it did not fail
};

// Of a child that was launched just now: waits until it is through its init, or has ended in it.
// A child that does not announce this is through at once.
task<start_outcome> await_init(context self, pid launched, const child_policy& policy,
                               bool announces);

// Whether a child of that type that ended with that reason is started again. (OTP: restart types.)
[[nodiscard]] bool is_to_restart(restart_type type, const exit_reason& why);

// Whether a child ended because it is not needed: see `ignore`.
[[nodiscard]] bool is_ignore(const exit_reason& reason);

// Stops a child as OTP does. Gives the reason with which it ended if that is not the one meant.
task<std::optional<exit_reason>> stop_process(context self, pid child, const child_policy& policy);

// What a supervisor reports of a child. (OTP: errorContext of its supervisor reports.)
enum class child_event : std::uint8_t {
  start_error,
  restart_error,  // in OTP a start_error, too
  child_terminated,
  shutdown_error,
  reached_max_restart_intensity,
};
// `id` is empty for a child of a dynamic supervisor.
void report_child(child_event what, std::string_view id, pid process, restart_type type,
                  const exit_reason& why);

// What a request fails with.
exit_reason refusal(context self, std::string_view child, child_refused::cause why,
                    pid process = {}, exit_reason reason = {});

// Throws std::invalid_argument: see `check`.
void check_child(std::string_view supervisor, const strategy& how, const child_record& child);

}  // namespace troupe::internal
