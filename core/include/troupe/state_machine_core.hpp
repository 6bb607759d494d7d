#pragma once
// What all state machines do, whatever their states. Included by state_machine.hpp.

#include <troupe/server.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <variant>

namespace troupe::internal {

// To itself: there is an event to take before the mailbox.
struct machine_step {};
// To itself, by a timer.
struct machine_timeout {
  std::uint64_t number;
};
enum class timeout_kind : std::uint8_t { state, event, named };

struct machine_line;  // the events and timeouts of a machine that has any

// The event that is handled, those that wait, and the timeouts. A member of its machine and not a
// base: the names in here must not hide those that the program gives to its events.
class machine_core {
 public:
  machine_core();  // in a server that is being made
  ~machine_core();
  machine_core(const machine_core&) = delete;
  machine_core& operator=(const machine_core&) = delete;

  // What handlers say; std::logic_error if none runs.
  void postpone();
  void give_back(message_node* event);
  void next_event(message_node* event);
  void repeat_state();
  void set_timeout(timeout_kind kind, std::string_view name, std::chrono::nanoseconds after,
                   message_node* event);  // null: cancels it
  void check_in_handler(std::string_view function) const;
  [[noreturn]] void throw_unexpected(std::string_view state) const;

  // What the dispatcher says.
  [[nodiscard]] bool starts() noexcept;  // whether this is the first step
  void begin(message& event) noexcept;
  void give_away() noexcept { given_away_ = true; }
  template <class T>
  [[nodiscard]] T& event() noexcept {
    return *event_.get_if<T>();
  }
  [[nodiscard]] bool postpones() const noexcept { return postponed_; }
  [[nodiscard]] bool repeats() noexcept { return std::exchange(repeats_, false); }
  void entering(bool now) noexcept { entering_ = now; }
  // The handler is through: the event is dropped or kept, and what it cancels is cancelled.
  void end_event(bool state_changes);
  // What is to come is put in order.
  void line_up(bool state_changed);
  void take_next(server_body& body);
  void take_timeout(std::uint64_t number, server_body& body);

 private:
  machine_line& line();  // made if need be
  void step_if_needed();
  void check_may_give_events(std::string_view function) const;

  std::unique_ptr<machine_line> line_;
  message event_;  // what the handler works on; empty outside of one
  bool starting_ = true;
  bool entering_ = false;
  bool postponed_ = false;
  bool given_away_ = false;  // the handler has the event: it cannot be postponed as it is
  bool given_back_ = false;  // by the handler, and kept
  bool repeats_ = false;
  bool stepping_ = false;  // a machine_step is under way
};

template <class S, class State>
struct machine_dispatcher;

}  // namespace troupe::internal
