#pragma once

#include <troupe/mailbox_limits.hpp>
#include <troupe/process.hpp>
#include <troupe/reflection.hpp>
#include <troupe/signals.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace troupe {

namespace internal {

// Kept by a process until its end and destroyed then, before anybody is told that it has ended.
struct kept_until_end {
  kept_until_end() = default;
  kept_until_end(const kept_until_end&) = delete;
  kept_until_end& operator=(const kept_until_end&) = delete;
  virtual ~kept_until_end() = default;
};

// Where a process is found from its start on, besides its name: a key of a registry.
struct place {
  virtual ~place() = default;
  // Enters the process, which keeps what this gives. Throws name_taken.
  [[nodiscard]] virtual std::unique_ptr<kept_until_end> enter(pid process) const = 0;
};

}  // namespace internal

/// Which of the processes that can run goes first.
enum class priority : std::uint8_t {
  normal,
  /// Before all normal ones of its worker: for the few that keep others going, such as supervisors.
  /// Those that never rest starve the others. (OTP: process_flag(priority, high).)
  high,
};

/// How a process starts, beyond what it runs.
struct spawn_options {
  std::string name = {};  // registered before it runs; spawning fails if it is taken
  bool link = false;      // to the process that spawns
  bool monitor = false;   // by the process that spawns; its `down` carries the reference
  /// A key of a registry, treated as a name is: `.under = players.via("ada")`.
  std::shared_ptr<const internal::place> under = {};
  troupe::priority priority = troupe::priority::normal;
  mailbox_limits mailbox = {};  // unbounded
  /// How many processes this one, and all that descend from it, may have alive at once; spawning
  /// one more throws a std::runtime_error. 0 is no quota but that of who spawns it.
  std::size_t max_descendants = 0;
};

/// A process and the monitor that was set on it as it started.
struct monitored {
  pid id;
  monitor_ref ref;
};

/// Thrown by `spawn` and `register_as`; the text names the name or key and who holds it.
class name_taken : public std::logic_error {
 public:
  name_taken(std::string_view name, pid holder);
  [[nodiscard]] pid holder() const noexcept { return holder_; }

 private:
  pid holder_;
};

namespace internal {

class outside_wait;

struct launch_options : spawn_options {
  bool announce = false;     // tell the parent when init is through (a supervisor waits for it)
  bool traps_exits = false;  // from the start: no exit signal but a kill comes too early
  pid link_to = {};          // a process of another node, which ties itself to this one too
  pid monitors = {};         // the new process has a monitor on it before it is known to anybody
  outside_wait* wakes = nullptr;  // a thread that waits until nothing is left of the process
};

// A process that is being made: its slot and address exist, its body not yet. Gives the slot back
// unless the body is installed.
class newborn {
 public:
  explicit newborn(engine& home);  // throws std::runtime_error if the table is full
  newborn(const newborn&) = delete;
  newborn& operator=(const newborn&) = delete;
  ~newborn();
  [[nodiscard]] process_slot& slot() const noexcept { return *slot_; }
  // Installs the body and lets the process run. Throws name_taken; the body is destroyed then.
  monitored start(body& what, const launch_options& options);

 private:
  void take_names(pid self, const launch_options& options);

  engine& home_;
  process_slot* slot_;
};

// What reports call the thing that a process runs. A function's name is not in its type.
template <class Function>
constexpr std::string_view behaviour_name() {
  if constexpr (std::is_pointer_v<Function>)
    return "a function";
  else
    return type_name<Function>();
}

template <class Function, class... Args>
monitored launch(engine& home, const launch_options& options, std::string_view behaviour,
                 Function&& function, Args&&... args);

}  // namespace internal
}  // namespace troupe
