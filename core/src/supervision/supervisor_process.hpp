#pragma once

#include "supervision/child_process.hpp"
#include "supervision/restart_delay.hpp"
#include "supervision/restart_intensity.hpp"

namespace troupe::internal {

// A child as its supervisor knows it.
struct known_child {
  child_record spec;
  pid process = {};            // none while it does not run
  std::uint64_t attempt = 0;   // number of the restart that is to come; 0: it is not restarting
  std::uint64_t restarts = 0;  // that succeeded
  restart_delay delay = {};
  timer_ref wakes = {};  // armed while it waits by its back-off

  [[nodiscard]] child_state state() const noexcept {
    if (process) return child_state::running;
    return attempt != 0 ? child_state::restarting : child_state::stopped;
  }
};

// A restart whose start failed is tried again by a message to oneself, so that an order to shut
// down, or a request, can slip in between (as in OTP); a restart with a back-off is begun by a
// timer in the same way. What stops or starts the child meanwhile takes the number away from it.
struct restart_due {
  std::uint64_t attempt;
  bool counted;  // for the intensity, before it waited
};

// A supervisor process: OTP's `supervisor`, but for simple_one_for_one.
class supervisor_process {
 public:
  supervisor_process(context self, strategy how, std::vector<child_spec> specs)
      : self_(self), how_(how), intensity_(how.intensity, how.period) {
    for (child_spec& spec : specs) children_.push_back({spec.record()});
  }

  task<> run(bool announce);

 private:
  // supervisor.cpp: its life
  task<> start_all();
  task<> exit_signalled(exit_signal e);
  task<> child_ended(exit_signal ended);
  [[nodiscard]] bool is_over_without_it() const;
  task<> end_with_children(exit_reason reason);

  // supervisor.cpp: its children
  task<exit_reason> start(known_child& c);
  task<> stop(known_child& c);
  task<> stop_from(std::size_t first, std::size_t but = ~std::size_t{0});
  task<std::size_t> stop_group(std::size_t index);
  task<> start_group(std::size_t index);
  task<> restart(std::size_t index);
  task<> retry(restart_due due);
  // None is due any more, until `expect_restart` says so.
  void forget_restart(known_child& c);
  std::uint64_t expect_restart(known_child& c) { return c.attempt = ++last_attempt_; }
  bool forget_if_temporary(std::size_t index);

  // supervisor_requests.cpp
  task<> handle(request<start_child> asked);
  task<> handle(request<terminate_child> asked);
  task<> handle(request<restart_child> asked);
  void handle(request<delete_child> asked);
  void handle(request<which_children> asked) const;
  void handle(request<count_children> asked) const;
  void handle(request<get_childspec> asked);
  // The child of that id; where there is none the request is refused.
  template <class T>
  known_child* find_for(request<T>& asked);
  // The same, and of a child that runs or is to be restarted.
  template <class T>
  known_child* find_stopped_for(request<T>& asked);
  template <class T>
  void refuse(request<T>& asked, std::string_view id, child_refused::cause why, pid process = {},
              exit_reason reason = {}) const;

  [[nodiscard]] known_child* find(std::string_view id);
  [[nodiscard]] std::size_t index_of(const known_child& c) const {
    return static_cast<std::size_t>(&c - children_.data());
  }
  [[nodiscard]] std::size_t first_of_group(std::size_t index) const {
    return how_.kind == strategy_kind::one_for_all ? 0 : index;
  }
  static void report(child_event what, const known_child& c, const exit_reason& why) {
    report_child(what, c.spec.id, c.process, c.spec.policy.type, why);
  }

  context self_;
  strategy how_;
  restart_intensity intensity_;
  std::vector<known_child> children_;  // in the order of their start
  std::uint64_t last_attempt_ = 0;
};

}  // namespace troupe::internal
