#pragma once
// What a running supervisor can be asked, as a server can: by `co_await self.call(...)` from a
// process and by `system.call(...)` from outside.
//
//     troupe::supervisor_ref tree = system.supervise(troupe::one_for_one{}, {...});
//     troupe::pid late = system.call(tree, troupe::start_child{troupe::child<cache>("late")});
//     system.call(tree, troupe::terminate_child{"late"});
//
// OTP's functions of the module `supervisor`, with its results. OTP waits for ever; here a call has
// a deadline like any other, so give `infinity` where a child may take long to start or stop: what
// the supervisor has begun it ends, also when the caller has given up.

#include <troupe/child_spec.hpp>

#include <limits>
#include <string>
#include <vector>

namespace troupe {

/// Why a supervisor did not do what it was asked: the value in the reason with which the call
/// failed. `if (auto* no = answer.reason().get_if<child_refused>()) use(no->why);`
struct child_refused {
  enum class cause : std::uint8_t {
    already_present,  // a child of that id is known and does not run
    already_started,  // a child of that id runs: `process`
    not_found,        // no child of that id, or no such process
    running,          // only a child that does not run can be restarted or deleted
    restarting,       // the same: the supervisor is about to start it again
    max_children,     // the supervisor has as many as it may have
    start_failed,     // it ended in its init, or did not come so far: `reason`
    invalid_spec,     // the specification contradicts itself: `reason` names the field
  };
  cause why = {};
  std::string text;    // what was refused, for a person
  pid process;         // of already_started
  exit_reason reason;  // of start_failed and invalid_spec
  friend bool operator==(const child_refused&, const child_refused&) = default;
};

enum class child_state : std::uint8_t {
  running,
  restarting,  // it waits for its next start, because the last one failed
  stopped,     // it has ended and is not to be restarted, was terminated, or ignored its start
};

/// What a supervisor knows of one child.
struct child_info {
  std::string id = {};
  pid process = {};  // none unless it is running
  child_state state = child_state::stopped;
  bool supervises = false;
  std::uint64_t restarts = 0;  // how often it was started again by the supervisor on its own
  friend bool operator==(const child_info&, const child_info&) = default;
};

struct child_counts {
  std::size_t specs = 0;
  std::size_t active = 0;  // running now
  std::size_t supervisors = 0;
  std::size_t workers = 0;
  friend bool operator==(const child_counts&, const child_counts&) = default;
};

/// Adds a child behind the others and starts it; the reply is its pid, or none if its init said
/// ignore. Refused: already_present, already_started, start_failed (the child is not kept),
/// invalid_spec.
struct start_child {
  using reply = pid;
  // Not an aggregate, whose fields would be looked for: it holds a function and stays on this node.
  explicit start_child(child_spec child) : spec(std::move(child)) {}
  child_spec spec;
};
/// Stops a child as its specification says; it stays known, unless it is temporary, and is not
/// restarted. A child that does not run is left as it is, one that waits for its restart no longer
/// waits. Refused: not_found.
struct terminate_child {
  using reply = void;
  std::string id;
};
/// Starts a child that was terminated or has ended. Refused: not_found, running, restarting,
/// start_failed.
struct restart_child {
  using reply = pid;
  std::string id;
};
/// Forgets a child that does not run. Refused: not_found, running, restarting.
struct delete_child {
  using reply = void;
  std::string id;
};
/// All children in the order of their start (OTP gives them in the reverse order).
struct which_children {
  using reply = std::vector<child_info>;
  std::size_t limit = std::numeric_limits<std::size_t>::max();  // so many at most
};
struct count_children {
  using reply = child_counts;
};
/// The specification of a child. Refused: not_found.
struct get_childspec {
  using reply = child_spec;
  std::string id;
};

/// What a `supervisor_ref` points to; it has no objects.
struct supervisor_requests {
  using handles = messages<start_child, terminate_child, restart_child, delete_child,
                           which_children, count_children, get_childspec>;
};
/// The address of a supervisor of one_for_one, one_for_all or rest_for_one.
using supervisor_ref = ref<supervisor_requests>;

}  // namespace troupe
