#pragma once
// What every process can be asked while it runs, whatever it lists or receives: to look into it, to
// hold it, to follow its messages. (OTP: module sys, for every process, not only for behaviours.)
//
//     int n = co_await troupe::sys::get_state(self, counter, [](const auto& c) { return c.value;
//     }); co_await self.call(counter, troupe::sys::suspend{}); std::size_t waiting =
//     system.call(counter, troupe::sys::get_status{}).mailbox;
//
// The requests below go by `call` like all others: from a process or from outside, to a ref, pid or
// name, also of another node, with 5 s of time unless said otherwise. They are taken in turn with
// the process's messages: a busy server answers when its handler has ended, a function, a
// supervisor or an event manager where it receives, whatever it receives there. A function that
// names one of these requests in its receive gets it itself.

#include <troupe/visit.hpp>

#include <optional>
#include <string>

namespace troupe::sys {

/// What was to be looked into is of another class than the reference to it says, or is no server:
/// the text names both.
class wrong_class : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Runs `f(const S&)` in the server's process, between two of its messages, and gives what it
/// returns: `co_await sys::get_state(self, c, [](const counter& s) { return s.value(); })`. The
/// result must be sendable. The function must hold what it needs by value: it may run after this
/// process has given up or ended. If it throws, or the process is of another class than S, the call
/// fails with that as its reason, and the server lives. Throws std::invalid_argument at once for a
/// process of another node: a function cannot go there.
template <class S, class Function>
[[nodiscard]] auto get_state(context self, ref<S> of, Function f,
                             std::chrono::nanoseconds timeout = default_call_timeout) {
  using result = typename internal::visitor_of<const S, Function>::result;
  return internal::await_visit<result>(
      self, of, internal::visit(internal::make_visitor<const S>(of, std::move(f))), timeout);
}
/// The same with `f(S&)`, which may change the server. What it changed before it threw stays
/// changed; OTP keeps the state that was.
template <class S, class Function>
[[nodiscard]] auto replace_state(context self, ref<S> of, Function f,
                                 std::chrono::nanoseconds timeout = default_call_timeout) {
  using result = typename internal::visitor_of<S, Function>::result;
  return internal::await_visit<result>(
      self, of, internal::visit(internal::make_visitor<S>(of, std::move(f))), timeout);
}

/// Holds the process: its messages and timeouts wait, in order, until `resume`. It obeys exit
/// signals and its supervisor, and takes the requests of this file. A second one changes nothing.
struct suspend {
  using reply = void;
  using for_every_process = void;
};
struct resume {
  using reply = void;
  using for_every_process = void;
};

/// Messages that a process has handled since counting was switched on; not those of this file.
struct message_counts {
  std::chrono::nanoseconds counted_for = {};
  std::uint64_t messages = 0;  // requests included
  std::uint64_t requests = 0;
  friend bool operator==(const message_counts&, const message_counts&) = default;
};
struct status {
  pid process = {};
  std::string name = {};  // the first that it is registered under
  std::string behaviour = {};
  pid parent = {};
  bool suspended = false;
  bool traced = false;
  std::uint64_t mailbox = 0;  // messages that wait
  std::optional<message_counts> statistics = {};
};
struct get_status {
  using reply = status;
  using for_every_process = void;
};
/// Begins to count messages, from zero, or ends it; `get_status` tells them.
struct statistics {
  using reply = void;
  using for_every_process = void;
  bool on = true;
};

/// What is told of a traced process: each of its own messages, and that it is done with it.
struct traced {
  enum class what : std::uint8_t { taken, handled };
  pid process = {};
  what event = what::taken;
  std::string message = {};  // of `taken` with its fields, of `handled` its type
};
/// Has each message of the process told to a process, as `traced`, or to the log (level info).
/// Refused for the process itself, which would trace its traces.
struct trace {
  using reply = void;
  using for_every_process = void;
  bool on = true;
  pid to = {};  // none: the log
};

/// The process ends with that reason: a server as if it had called `self.exit`, another as if its
/// parent had told it to, so that a supervisor stops its children first. The reply comes first.
struct terminate {
  using reply = void;
  using for_every_process = void;
  exit_reason reason;
};

}  // namespace troupe::sys
