#pragma once
// Event managers: processes that show each event to handlers which come and go. (OTP: gen_event.)
//
//     class to_file : public troupe::event_handler {
//      public:
//       using handles = troupe::messages<alarm, get_count>;
//       explicit to_file(std::string path);
//       void handle(const alarm& a);   // an event: all handlers that list it are shown it
//       int handle(get_count);         // a request: for this handler, by to_handler
//     };
//
//     auto alarms = troupe::start_event_manager(self, {.name = "alarms", .link = true});
//     co_await self.call(alarms, troupe::add_handler(troupe::handler<to_file>("file", "a.log")));
//     self.send(alarms, alarm{"disk full"});
//     int n = co_await self.call(alarms, troupe::to_handler{"file", get_count{}});

#include <troupe/child_spec.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

namespace internal {
class event_manager_process;
}

/// A part of an event manager as a class: a `handle` for each type that `handles` lists. For an
/// event that is `void handle(const T&)`, for a type that names a reply `reply handle(T)`. Made and
/// called in the manager's process, one at a time: it must not wait. Any message that reaches the
/// manager is an event, also a `down` or an `exit_signal` (OTP: handle_info).
///
/// What a handler throws removes it and is logged; the manager and its other handlers go on.
class event_handler {
 public:
  virtual ~event_handler() = default;
  event_handler(const event_handler&) = delete;
  event_handler& operator=(const event_handler&) = delete;
  /// Called before the destructor when the handler is removed in any way, with: `normal` by
  /// delete_handler or `remove`; `shutdown` if the manager ends; a `handler_swapped`; the reason of
  /// the process that had added it by add_sup_handler; or what it threw.
  virtual void terminate(const exit_reason& /*reason*/) {}

 protected:
  event_handler() : self(context::current()) {}
  /// Removes this handler once the message that it handles is done. (OTP: remove_handler.)
  void remove() noexcept { leaving_ = true; }
  /// The manager's process.
  const context self;

 private:
  friend internal::event_manager_process;
  bool leaving_ = false;
};

namespace internal {

// One way to take one payload type; false if the message is for a handler of another id.
struct handler_entry {
  const message_type* type;
  bool (*handle)(event_handler& self, message_node& node, std::string_view id);
};
struct handler_class {
  std::string_view name;
  std::span<const handler_entry> entries;
};

}  // namespace internal

/// How a handler is made, and its id, which is its own among the handlers of a manager. A value.
class handler_spec {
 public:
  using make_function = std::function<std::unique_ptr<event_handler>(event_handler* before)>;
  handler_spec(std::string id, const internal::handler_class& what, make_function make)
      : id_(std::move(id)), what_(&what), make_(std::move(make)) {}

 private:
  friend internal::event_manager_process;
  std::string id_;
  const internal::handler_class* what_;
  make_function make_;
};

/// A request for one handler; its reply is the handler's. Fails if no handler of that id takes it.
/// What the handler throws fails the call, too. (OTP: gen_event:call/3.)
template <request_message T>
struct to_handler {
  using reply = typename T::reply;
  std::string id;
  T request;
};
template <class Id, class T>
to_handler(Id, T) -> to_handler<T>;

/// Adds a handler, before the others: the newest is shown an event first. If its constructor throws
/// it is not added, and that fails the call; so does an id that is taken (`handler_exists`).
struct add_handler {
  using reply = void;
  explicit add_handler(handler_spec what) : spec(std::move(what)) {}
  handler_spec spec;
};
/// The same, and ties the handler to the process that calls: it is removed when that process ends,
/// which gets a `handler_removed` when the handler is removed otherwise. Both are linked, as in
/// OTP.
struct add_sup_handler {
  using reply = void;
  explicit add_sup_handler(handler_spec what) : spec(std::move(what)) {}
  handler_spec spec;
};
/// Removes a handler; answered when its `terminate` and destructor are through. What terminate
/// throws, or an unknown id (`no_handler`), fails the call.
struct delete_handler {
  using reply = void;
  std::string id;
};
/// Removes the handler of that id, if there is one, and adds another in one step. If the new one's
/// constructor takes an `event_handler*` behind the arguments of its specification, it is given the
/// old one there, whose `terminate` has been called and which is destroyed afterwards; it is null
/// if there is none. Who supervises the old one supervises the new one.
struct swap_handler {
  using reply = void;
  swap_handler(std::string old_id, handler_spec what)
      : id(std::move(old_id)), spec(std::move(what)) {}
  std::string id;
  handler_spec spec;
};
/// The same, and ties the new handler to the process that calls.
struct swap_sup_handler {
  using reply = void;
  swap_sup_handler(std::string old_id, handler_spec what)
      : id(std::move(old_id)), spec(std::move(what)) {}
  std::string id;
  handler_spec spec;
};

struct handler_info {
  std::string id;
  std::string type;  // its class
  pid supervisor;    // the process that add_sup_handler ties it to, or none
  friend bool operator==(const handler_info&, const handler_info&) = default;
};
/// The handlers in the order in which they are shown an event.
struct which_handlers {
  using reply = std::vector<handler_info>;
};
/// Answered when all that the caller has sent before has been handled: see `sync_notify`.
struct events_handled {
  using reply = void;
};
/// Removes all handlers and ends the manager with that reason; answered when they are removed.
/// (OTP: gen_event:stop.)
struct stop_event_manager {
  using reply = void;
  exit_reason reason = exit_reason::normal;
};

/// To a process whose handler, added by add_sup_handler, was removed. The reason is what
/// `terminate` was given. (OTP: `{gen_event_EXIT, Handler, Reason}`.)
struct handler_removed {
  std::string id;
  exit_reason reason;
};
/// In the reason of a handler that was swapped: the new one, and the process that supervises it.
struct handler_swapped {
  std::string by;
  pid supervisor;
  friend bool operator==(const handler_swapped&, const handler_swapped&) = default;
};

namespace internal {

// The list of an event manager: any message that is no request is an event.
template <class... Requests>
struct events_and {};
template <class T, class... Requests>
inline constexpr bool listed<T, events_and<Requests...>> =
    !request_message<T> || (std::same_as<T, Requests> || ...);
template <class T, class... Requests>
inline constexpr bool listed<to_handler<T>, events_and<Requests...>> = true;

}  // namespace internal

/// What an `event_manager_ref` points to; it has no objects.
struct event_manager_requests {
  using handles =
      internal::events_and<add_handler, add_sup_handler, delete_handler, swap_handler,
                           swap_sup_handler, which_handlers, events_handled, stop_event_manager>;
};
/// The address of an event manager: `self.send(alarms, alarm{...})` shows its handlers an event
/// (OTP: notify), `self.call(alarms, which_handlers{})` asks it. A pid or a name does as well.
/// The manager may be on another node; but handlers are made of code and cannot be sent there.
/// What adds, deletes, swaps or stops can also be sent, as a handler does to its own manager, which
/// it cannot call: `self.send(self, swap_handler("me", ...))`. Nobody is told of a failure then.
using event_manager_ref = ref<event_manager_requests>;

/// Starts an event manager with these handlers, added one after the other. It traps exits. If it is
/// linked, it ends with the process that started it. It also ends by stop_event_manager and by
/// `system.exit`. Its handlers are removed before. (OTP: gen_event:start, start_link.)
event_manager_ref start_event_manager(context self, const spawn_options& options = {},
                                      std::vector<handler_spec> handlers = {});
/// An event manager as the child of a supervisor. A handler whose constructor throws fails its
/// start.
[[nodiscard]] child_spec event_manager(std::string id, std::vector<handler_spec> handlers = {});

/// Shows an event and waits until all handlers are done with it. (OTP: gen_event:sync_notify.)
/// From outside: `system.send(alarms, event)`, then `system.call(alarms, events_handled{})`.
template <class Event>
task<> sync_notify(context self, destination manager, Event event,
                   std::chrono::nanoseconds timeout = default_call_timeout) {
  static_assert(!request_message<Event>, "a request is for one handler: call to_handler{id, ...}");
  self.send(manager, std::move(event));
  co_await self.call(manager, events_handled{}, timeout);
}

namespace internal {

template <class H, class T>
bool show_event(event_handler& self, message_node& node, std::string_view) {
  H& target = static_cast<H&>(self);
  const T& event = *static_cast<const T*>(node.payload());
  static_assert(
      requires { target.handle(event); },
      "an event handler needs a public handle(const T&) for each event type T in its `handles`: "
      "all handlers are shown the same event");
  static_assert(std::is_void_v<decltype(target.handle(event))>,
                "the handle of an event returns nothing: a handler must not wait, and only a type "
                "that names its reply is answered");
  target.handle(event);
  return true;
}

template <class H, class T>
bool answer_request(event_handler& self, message_node& node, std::string_view id) {
  H& target = static_cast<H&>(self);
  auto& asked = *static_cast<request<to_handler<T>>*>(node.payload());
  if (asked->id != id) return false;
  static_assert(
      requires { target.handle(std::move(asked->request)); },
      "an event handler needs a public handle(T) for each request type T in its `handles`");
  using given = decltype(target.handle(std::move(asked->request)));
  if constexpr (std::is_void_v<typename T::reply>) {
    static_assert(std::is_void_v<given>,
                  "this handle returns nothing, as its request type says: it must not wait");
    target.handle(std::move(asked->request));
    asked.reply();
  } else {
    static_assert(std::is_convertible_v<given, typename T::reply>,
                  "this handle must return the reply that the request type names");
    asked.reply(target.handle(std::move(asked->request)));
  }
  return true;
}

template <class H, class T>
constexpr handler_entry handler_entry_of() {
  if constexpr (request_message<T>)
    return {&message_type_of<request<to_handler<T>>>, &answer_request<H, T>};
  else
    return {&message_type_of<T>, &show_event<H, T>};
}
template <class H, class... Ts>
constexpr auto list_handler_entries(messages<Ts...>) {
  static_assert(each_once<Ts...>, "a type is listed twice in `handles`");
  (check_sendable<Ts>(), ...);
  return std::array<handler_entry, sizeof...(Ts)>{handler_entry_of<H, Ts>()...};
}
template <std::size_t N>
constexpr auto list_handler_types(const std::array<handler_entry, N>& entries) {
  std::array<const message_type*, N> types{};
  for (std::size_t i = 0; i < N; ++i) types[i] = entries[i].type;
  return types;
}

template <class H>
inline constexpr auto handler_entries = list_handler_entries<H>(typename H::handles{});
template <class H>
inline constexpr handler_class handler_class_of = {type_of<H>.name, handler_entries<H>};
template <class H>
inline constexpr auto handler_types = list_handler_types(handler_entries<H>);
template <class H>
inline const receivable_entry received_by_handler{handler_types<H>};

}  // namespace internal

/// A handler of class H: `handler<to_file>("file", "/var/log/alarms")`. It is made in the manager's
/// process from copies of these arguments.
template <std::derived_from<event_handler> H, class... Args>
[[nodiscard]] handler_spec handler(std::string id, Args... args) {
  constexpr bool takes_former = std::is_constructible_v<H, const Args&..., event_handler*>;
  static_assert(takes_former || std::is_constructible_v<H, const Args&...>,
                "the arguments behind the id do not fit a constructor of this handler");
  static_assert((std::copy_constructible<Args> && ...),
                "the arguments of a handler are copied each time it is made");
  (void)&internal::received_by_handler<H>;
  auto make = [args...](event_handler* before) -> std::unique_ptr<event_handler> {
    if constexpr (takes_former)
      return std::make_unique<H>(args..., before);
    else
      return std::make_unique<H>(args...);
  };
  return handler_spec(std::move(id), internal::handler_class_of<H>, std::move(make));
}

}  // namespace troupe
