#pragma once

#include <troupe/context.hpp>

namespace troupe {

/// What a server that asked for it gets when no message has come for a while: see `idle_after`.
struct idle_timeout {};

namespace internal {
void handle_first(message_node* node);
}

/// A process as a class, as OTP's gen_server: one message at a time, a `handle` for each type that
/// `handles` lists. The constructor is its init; what it throws ends the process.
///
///     class counter : public troupe::server {
///      public:
///       using handles = troupe::messages<add, get>;
///       explicit counter(int start) : value_(start) {}
///       void handle(add m) { value_ += m.by; }
///       int handle(get) { return value_; }
///      private:
///       int value_;
///     };
///
/// For a type that names a reply, `handle(T)` returns the reply, or a `task` of it which may
/// `co_await`, or `handle(request<T>)` takes the request to answer later. A message that is not
/// listed is logged and dropped. When its supervisor stops it, it ends, also if it traps exits.
class server {
 public:
  virtual ~server() = default;
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  /// Called before the destructor when the process ends in any way but `kill`.
  virtual void terminate(const exit_reason& /*reason*/) {}

 protected:
  server() : self(context::current()) {}
  /// The value is handled next, before all that waits in the mailbox; several in the order given.
  /// In a constructor: what is to be done first once the process has started. (gen_server:
  /// `{continue, ...}` and `handle_continue`.)
  template <class T>
  void continue_with(T&& value) const {
    internal::handle_first(internal::to_node(std::forward<T>(value)));
  }
  /// From now on `handle(idle_timeout)` is called each time that no message was handled for so
  /// long; `infinity` ends it. Throws std::logic_error if the class does not list
  /// troupe::idle_timeout. (gen_server: the timeout that a callback returns, which is for once.)
  void idle_after(std::chrono::nanoseconds limit) const;
  const context self;
};

namespace internal {

struct server_body;

// One way to take one payload type: found by the address of the type's table. It may keep the
// message, by moving it away.
using handle_function = void(server& self, message& taken, server_body& body);
struct server_entry {
  const message_type* type;
  handle_function* handle;
};
// A server class as the runtime sees it.
struct server_class {
  std::string_view name;
  std::span<const server_entry> entries;  // those of `handles` first
  std::size_t size;                       // of the object
  std::size_t listed;                     // entries of `handles`
};

// Makes the server in its own process, from the arguments given to spawn.
struct server_maker {
  virtual ~server_maker() = default;
  virtual std::unique_ptr<server> make() = 0;
};

monitored launch_server_of(engine& home, const launch_options& options, const server_class& what,
                           std::unique_ptr<server_maker> maker);
// A handler is a coroutine: the server takes its next message when the task is through.
void continue_with(server_body& body, task<> handler);

template <class S, class... Args>
struct maker_of final : server_maker {
  template <class... Given>
  explicit maker_of(Given&&... given) : args(std::forward<Given>(given)...) {}
  std::unique_ptr<server> make() override {
    return std::apply([](Args&... a) { return std::make_unique<S>(std::move(a)...); }, args);
  }
  std::tuple<Args...> args;
};

template <class T>
task<> answer_with(request<T> asked, task<typename T::reply> handler) {
  if constexpr (std::is_void_v<typename T::reply>) {
    co_await handler;
    asked.reply();
  } else {
    asked.reply(co_await handler);
  }
}

template <class...>
inline constexpr bool always_false = false;

// The request in the message, or the request that the plain value stands for: it was sent, not
// called, and nobody waits for the reply.
template <class T>
request<T> request_in(message& taken) {
  if (taken.type().kind == message_kind::request)
    return std::move(*static_cast<request<T>*>(taken.payload()));
  return request<T>({}, std::move(*static_cast<T*>(taken.payload())));
}

// Takes the request for a `handle(T)`. `header` is null for a plain value.
template <class S, class T>
void handle_asked(S& self, message& taken, request_header* header, server_body& body) {
  using reply = typename T::reply;
  T& value = *static_cast<T*>(taken.value());
  using given = decltype(self.handle(std::move(value)));
  if constexpr (is_task<given>) {
    auto asked = request_in<T>(taken);
    auto handler = self.handle(std::move(*asked));
    continue_with(body, answer_with<T>(std::move(asked), std::move(handler)));
  } else if constexpr (std::is_void_v<given>) {
    static_assert(std::is_void_v<reply>,
                  "this handle must return the reply that the request type names");
    self.handle(std::move(value));
    if (header != nullptr) answer<nothing>(*header);
  } else {
    constexpr bool fits = std::is_constructible_v<reply_value<reply>, given>;
    static_assert(fits, "this handle must return the reply that the request type names");
    if (header == nullptr)
      static_cast<void>(self.handle(std::move(value)));
    else if constexpr (fits)
      answer<reply_value<reply>>(*header, self.handle(std::move(value)));
  }
}

template <class S, class T>
void handle_message(server& self, message& taken, server_body& body) {
  S& target = static_cast<S&>(self);
  if constexpr (request_message<T>) {
    if constexpr (requires(request<T> asked) { target.handle(std::move(asked)); }) {
      using given = decltype(target.handle(std::declval<request<T>>()));
      if constexpr (is_task<given>)
        continue_with(body, target.handle(request_in<T>(taken)));
      else
        target.handle(request_in<T>(taken));
    } else if constexpr (!requires(T value) { target.handle(std::move(value)); }) {
      static_assert(always_false<S, T>,
                    "a server needs a public handle(T), or handle(troupe::request<T>), for each "
                    "type T in its `handles`");
    } else {
      const bool called = taken.type().kind == message_kind::request;
      handle_asked<S, T>(target, taken,
                         static_cast<request_header*>(called ? taken.payload() : nullptr), body);
    }
  } else if constexpr (!requires(T m) { target.handle(std::move(m)); }) {
    static_assert(always_false<S, T>,
                  "a server needs a public handle(T) for each type T in its `handles`");
  } else {
    T& value = *static_cast<T*>(taken.payload());
    if constexpr (is_task<decltype(target.handle(std::move(value)))>)
      continue_with(body, target.handle(std::move(value)));
    else
      target.handle(std::move(value));
  }
}

// A behaviour that is built on servers may take messages in its own way, by a static function
// `take_event<S, T>`, and may have messages besides those that its classes list, `own_messages`.
template <class S>
concept takes_in_its_own_way = requires { &S::template take_event<S, idle_timeout>; };
template <class S, class T>
constexpr auto entry_function() {
  if constexpr (takes_in_its_own_way<S>)
    return &S::template take_event<S, T>;
  else
    return &handle_message<S, T>;
}
template <class... Ts, class... Own>
messages<Ts..., Own...> join(messages<Ts...>, messages<Own...>);
template <class S>
constexpr auto all_messages() {
  if constexpr (requires { typename S::own_messages; })
    return decltype(join(typename S::handles{}, typename S::own_messages{})){};
  else
    return typename S::handles{};
}

template <class T, class... Ts>
inline constexpr bool listed_once = ((std::is_same_v<T, Ts> ? 1 : 0) + ...) == 1;
template <class... Ts>
inline constexpr bool each_once = (listed_once<Ts, Ts...> && ...);

template <class... Ts>
constexpr std::size_t count_entries(messages<Ts...>) {
  return sizeof...(Ts) + (std::size_t{request_message<Ts>} + ... + 0);
}

// The payload type of a T that is called; null if it is only sent.
template <class T>
constexpr const message_type* called_type() {
  if constexpr (request_message<T>)
    return &message_type_of<request<T>>;
  else
    return nullptr;
}
template <class S, class... Ts>
constexpr auto list_entries(messages<Ts...>) {
  static_assert(each_once<Ts...>, "a type is listed twice in `handles`");
  (check_sendable<Ts>(), ...);
  std::array<server_entry, count_entries(messages<Ts...>{})> entries{};
  [[maybe_unused]] std::size_t next = 0;
  [[maybe_unused]] const auto add = [&](const message_type* called, const message_type* sent,
                                        handle_function* handle) {
    if (called != nullptr) entries[next++] = {called, handle};
    entries[next++] = {sent, handle};
  };
  (add(called_type<Ts>(), &message_type_of<Ts>, entry_function<S, Ts>()), ...);
  return entries;
}
// That of the answer: a server may pass a request on to another node, and then its answer comes
// back through this one.
template <class T>
constexpr const message_type* answered_type() {
  if constexpr (request_message<T>)
    return &message_type_of<reply_payload_of<T>>;
  else
    return nullptr;
}
// What a program that has a server of messages Ts can decode.
template <class... Ts>
constexpr auto list_types(messages<Ts...>) {
  constexpr std::size_t requests = (std::size_t{request_message<Ts>} + ... + 0);
  std::array<const message_type*, sizeof...(Ts) + 2 * requests> types{};
  [[maybe_unused]] std::size_t next = 0;
  [[maybe_unused]] const auto add = [&](const message_type* type) {
    if (type != nullptr) types[next++] = type;
  };
  ((add(&message_type_of<Ts>), add(called_type<Ts>()), add(answered_type<Ts>())), ...);
  return types;
}
template <class S>
inline constexpr auto received_types = list_types(all_messages<S>());
template <class S>
inline const receivable_entry received{received_types<S>};

template <class S>
inline constexpr auto server_entries = list_entries<S>(all_messages<S>());
template <class S>
inline constexpr server_class class_of = {type_of<S>.name, server_entries<S>, sizeof(S),
                                          count_entries(typename S::handles{})};

template <server_type S, class... Args>
monitored launch_server(engine& home, const launch_options& options, Args&&... args) {
  constexpr bool lists = requires { typename S::handles; };
  constexpr bool can_be_made = std::is_constructible_v<S, std::decay_t<Args>...>;
  static_assert(lists,
                "a server lists what it handles: using handles = troupe::messages<add, get>;");
  static_assert(can_be_made, "spawn's arguments do not fit a constructor of this server");
  if constexpr (lists && can_be_made) {  // what is wrong is said once
    (void)&received<S>;
    return launch_server_of(
        home, options, class_of<S>,
        std::make_unique<maker_of<S, std::decay_t<Args>...>>(std::forward<Args>(args)...));
  } else {
    return {};
  }
}

}  // namespace internal
}  // namespace troupe
