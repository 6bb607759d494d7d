// What gen_statem does between the calls of its handlers. The order of events is that of its
// reference manual, type transition_option(), "state transition":
//  1. the state changes, and the enter call is made;
//  2. the event is kept if it was postponed;
//  3. after a change of state, all postponed events stand before those that are queued, the oldest
//     first;
//  4. events given by next_event stand before these, in the order given;
//  5. timeouts: a change of state cancels the state timeout, any event the event timeout; then
//     those set by the handler and by the enter call are started in their order. One of zero waits
//     behind the queue, but comes before anything from the mailbox;
//  6. the first of the queue is handled, or the first timeout of zero, or the mailbox is looked at.
#include <troupe/state_machine_core.hpp>

#include "behaviour/server_body.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe::internal {

struct machine_line {
  // Set by a handler, to be started when it has ended. Without an event: to be cancelled.
  struct wanted {
    timeout_kind what;
    std::string name;
    std::chrono::nanoseconds after;
    message event;
  };
  // Runs, or is of zero time and waits for the queue to be empty.
  struct timeout {
    timeout_kind what;
    std::string name;
    message event;
    std::uint64_t number = 0;
    timer_ref timer = {};  // none: of zero time
  };

  void cancel(context self, timeout_kind what, std::string_view name) {
    const auto at = std::find_if(timeouts.begin(), timeouts.end(), [&](const timeout& t) {
      return t.what == what && t.name == name;
    });
    if (at == timeouts.end()) return;
    if (at->timer) self.cancel(at->timer);
    timeouts.erase(at);
  }

  void start(context self, wanted& w) {
    cancel(self, w.what, w.name);
    if (!w.event || w.after == infinity) return;
    timeout t{w.what, std::move(w.name), std::move(w.event), ++last_number};
    if (w.after > std::chrono::nanoseconds::zero())
      t.timer = self.send_after(w.after, self.id(), machine_timeout{t.number});
    timeouts.push_back(std::move(t));
  }

  [[nodiscard]] auto first_of_zero() {
    return std::find_if(timeouts.begin(), timeouts.end(),
                        [](const timeout& t) { return !t.timer; });
  }
  [[nodiscard]] bool waits() { return !queue.empty() || first_of_zero() != timeouts.end(); }

  // The next event before the mailbox.
  [[nodiscard]] message take() {
    if (!queue.empty()) {
      message next = std::move(queue.back());
      queue.pop_back();
      return next;
    }
    const auto zero = first_of_zero();
    return zero == timeouts.end() ? message() : take(zero);
  }
  [[nodiscard]] message take(std::vector<timeout>::iterator at) {
    message event = std::move(at->event);
    timeouts.erase(at);
    return event;
  }

  // In front of the queue, in their order.
  void put_first(std::vector<message>& events) {
    queue.insert(queue.end(), std::move_iterator(events.rbegin()),
                 std::move_iterator(events.rend()));
    events.clear();
  }

  std::vector<message> queue;  // the next one stands last
  std::vector<message> postponed;
  std::vector<message> given;  // by next_event, in the handler that runs
  std::vector<wanted> to_start;
  std::vector<timeout> timeouts;  // in the order set
  std::uint64_t last_number = 0;
};

namespace {

// An event that its class does not list would be dropped later, when nobody knows who gave it.
message listed_event(message_node* node) {
  message event(node);
  const server_body& body = running_server();
  if (!event || body.lists(event.type())) return event;
  throw std::logic_error(
      fmt::format("troupe: state machine {} gives itself a {}: add it to its `handles`",
                  body.behaviour(), event.name()));
}

}  // namespace

machine_core::machine_core() {
  (void)running_server();
  stepping_ = true;
  put_first(make_node<machine_step>());
}

machine_core::~machine_core() = default;

machine_line& machine_core::line() {
  if (line_ == nullptr) line_ = std::make_unique<machine_line>();
  return *line_;
}

// --- what handlers say --------------------------------------------------------------------------

void machine_core::check_in_handler(std::string_view function) const {
  if (event_ && !entering_) return;
  throw std::logic_error(
      fmt::format("troupe: {} in {}: it is for the handler of an event", function,
                  entering_ ? "an enter call, which may only set timeouts" : "what is no handler"));
}

void machine_core::check_may_give_events(std::string_view function) const {
  if (!starting_) check_in_handler(function);
}

void machine_core::postpone() {
  check_in_handler("postpone");
  if (given_away_ && !given_back_)
    throw std::logic_error(fmt::format(
        "troupe: the event {} was moved into its handler: take it by reference, or give it back "
        "with postpone(std::move(event))",
        event_.name()));
  postponed_ = true;
}

void machine_core::give_back(message_node* node) {
  message event(node);
  check_in_handler("postpone");
  if (std::exchange(postponed_, true)) return;
  given_back_ = true;
  line().postponed.push_back(std::move(event));
}

void machine_core::next_event(message_node* node) {
  message event = listed_event(node);
  check_may_give_events("next_event");
  line().given.push_back(std::move(event));
}

void machine_core::repeat_state() {
  check_in_handler("repeat_state");
  repeats_ = true;
}

void machine_core::set_timeout(timeout_kind kind, std::string_view name,
                               std::chrono::nanoseconds after, message_node* node) {
  message event = node == nullptr ? message() : listed_event(node);
  if (!entering_) check_may_give_events("setting a timeout");
  line().to_start.push_back({kind, std::string(name), after, std::move(event)});
}

void machine_core::throw_unexpected(std::string_view state) const {
  throw std::logic_error(fmt::format("state machine {}: {} is not expected in state {}",
                                     running_server().behaviour(),
                                     event_ ? event_.name() : "nothing", state));
}

// --- transitions --------------------------------------------------------------------------------

bool machine_core::starts() noexcept {
  if (starting_) stepping_ = false;
  return std::exchange(starting_, false);
}

void machine_core::begin(message& event) noexcept {
  event_ = std::move(event);
  postponed_ = given_away_ = given_back_ = repeats_ = false;
}

void machine_core::end_event(bool state_changes) {
  message ended = std::move(event_);
  if (postponed_ && !given_back_) line().postponed.push_back(std::move(ended));
  if (line_ == nullptr) return;
  line_->cancel(context::current(), timeout_kind::event, {});
  if (state_changes) line_->cancel(context::current(), timeout_kind::state, {});
}

void machine_core::line_up(bool state_changed) {
  if (line_ == nullptr) return;
  if (state_changed) line_->put_first(line_->postponed);
  line_->put_first(line_->given);
  for (auto& wanted : line_->to_start) line_->start(context::current(), wanted);
  line_->to_start.clear();
  step_if_needed();
}

// One event a step, each a message to itself in front of the mailbox: so exit signals, and the
// turns of other processes, come between the events of a machine that never waits.
void machine_core::step_if_needed() {
  if (stepping_ || line_ == nullptr || !line_->waits()) return;
  stepping_ = true;
  put_first(make_node<machine_step>());
}

void machine_core::take_next(server_body& body) {
  stepping_ = false;
  if (line_ == nullptr) return;
  if (message next = line_->take()) body.dispatch(*running.slot, std::move(next));
  // A request whose caller has given up was no event.
  if (!event_) step_if_needed();
}

void machine_core::take_timeout(std::uint64_t number, server_body& body) {
  if (line_ == nullptr) return;
  auto& timeouts = line_->timeouts;
  const auto at = std::find_if(timeouts.begin(), timeouts.end(),
                               [&](const auto& t) { return t.timer && t.number == number; });
  if (at != timeouts.end()) body.dispatch(*running.slot, line_->take(at));
}

}  // namespace troupe::internal
