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

struct machine_line;  // the events and timeouts of a machine that has any

// Their queues and timeouts; a machine without any costs two words.
class state_machine_core : public server {
 public:
  using own_messages = messages<machine_step, machine_timeout>;
  ~state_machine_core() override;

 protected:
  state_machine_core();

  /// The event is kept and comes again after the next change of state, in order with the others and
  /// before newer ones. What the handler returns is then not sent as a reply. A handler that has
  /// taken its event by value where it can only be moved gives it back: `postpone(std::move(r))`.
  void postpone();
  template <class T>
  void postpone(T&& event) {
    keep(make_node<std::decay_t<T>>(std::forward<T>(event)));
  }
  /// The value is an event that comes before all that waits; several in the order given. Also in
  /// the constructor.
  template <class T>
  void next_event(T&& event) {
    insert(to_node(std::forward<T>(event)));
  }
  /// Calls `enter` again, as if the state had changed; neither postponed events nor timeouts
  /// notice.
  void repeat_state();

  /// The event comes when the machine has been in this state, the next one if the handler changes
  /// it, for so long; a change of state cancels it. Setting it again replaces it.
  template <class T>
  void set_state_timeout(std::chrono::nanoseconds after, T&& event) {
    set(timeout_kind::state, {}, after, to_node(std::forward<T>(event)));
  }
  void cancel_state_timeout() { set(timeout_kind::state, {}, infinity, nullptr); }
  /// The event comes when no other has come for so long; any event cancels it.
  template <class T>
  void set_event_timeout(std::chrono::nanoseconds after, T&& event) {
    set(timeout_kind::event, {}, after, to_node(std::forward<T>(event)));
  }
  /// One of any number, told apart by their names, that live on across states.
  template <class T>
  void set_timeout(std::string_view name, std::chrono::nanoseconds after, T&& event) {
    set(timeout_kind::named, name, after, to_node(std::forward<T>(event)));
  }
  void cancel_timeout(std::string_view name) { set(timeout_kind::named, name, infinity, nullptr); }

  // --- for state_machine's own use --------------------------------------------------------------

  enum class timeout_kind : std::uint8_t { state, event, named };

  void check_in_handler(std::string_view function) const;
  [[noreturn]] void throw_unexpected(std::string_view state) const;

  // Whether this is the first step.
  [[nodiscard]] bool starts() noexcept;
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
  friend struct machine_line;

  void keep(message_node* node);
  void insert(message_node* node);
  void set(timeout_kind kind, std::string_view name, std::chrono::nanoseconds after,
           message_node* node);
  machine_line& line();  // made if need be
  void step_if_needed();
  void check_may_give_events(std::string_view function) const;
  using server::continue_with;  // next_event is the way

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

}  // namespace troupe::internal
