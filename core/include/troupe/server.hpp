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
struct server_entry {
  const message_type* type;
  void (*handle)(server& self, message& taken, server_body& body);
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

template <class S, class T>
void handle_request(S& self, request<T>&& asked, server_body& body) {
  using reply = typename T::reply;
  if constexpr (requires { self.handle(std::move(asked)); }) {
    using given = decltype(self.handle(std::move(asked)));
    if constexpr (is_task<given>)
      continue_with(body, self.handle(std::move(asked)));
    else
      self.handle(std::move(asked));
  } else if constexpr (!requires { self.handle(std::move(*asked)); }) {
    static_assert(always_false<S, T>,
                  "a server needs a public handle(T), or handle(troupe::request<T>), for each type "
                  "T in its `handles`");
  } else {
    using given = decltype(self.handle(std::move(*asked)));
    if constexpr (is_task<given>) {
      auto handler = self.handle(std::move(*asked));
      continue_with(body, answer_with<T>(std::move(asked), std::move(handler)));
    } else if constexpr (std::is_void_v<given>) {
      static_assert(std::is_void_v<reply>,
                    "this handle must return the reply that the request type names");
      self.handle(std::move(*asked));
      asked.reply();
    } else {
      asked.reply(self.handle(std::move(*asked)));
    }
  }
}

// The request in the message, or the request that the plain value stands for: it was sent, not
// called, and nobody waits for the reply.
template <class T>
request<T> request_in(message& taken) {
  if (auto* asked = taken.get_if<request<T>>()) return std::move(*asked);
  return request<T>({}, std::move(*static_cast<T*>(taken.payload())));
}

template <class S, class T>
void handle_message(server& self, message& taken, server_body& body) {
  S& target = static_cast<S&>(self);
  if constexpr (request_message<T>) {
    if (auto* asked = taken.get_if<request<T>>()) [[likely]]
      handle_request<S, T>(target, std::move(*asked), body);
    else
      handle_request<S, T>(target, request_in<T>(taken), body);
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
template <class S, class T>
constexpr auto entry_function() {
  if constexpr (requires { &S::template take_event<S, T>; })
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
inline constexpr std::size_t times_listed = (std::size_t{std::same_as<T, Ts>} + ...);

template <class... Ts>
constexpr std::size_t count_entries(messages<Ts...>) {
  return sizeof...(Ts) + (std::size_t{request_message<Ts>} + ... + 0);
}

template <class S, class... Ts>
constexpr auto list_entries(messages<Ts...>) {
  static_assert(((times_listed<Ts, Ts...> == 1) && ...), "a type is listed twice in `handles`");
  std::array<server_entry, count_entries(messages<Ts...>{})> entries{};
  std::size_t next = 0;
  [[maybe_unused]] auto add = [&]<class T>(std::type_identity<T>) {
    check_sendable<T>();
    if constexpr (request_message<T>)
      entries[next++] = {&message_type_of<request<T>>, entry_function<S, T>()};
    entries[next++] = {&message_type_of<T>, entry_function<S, T>()};
  };
  (add(std::type_identity<Ts>{}), ...);
  return entries;
}
template <class... Ts>
void mention_all(messages<Ts...>) noexcept {
  [[maybe_unused]] auto mention_one = []<class T>(std::type_identity<T>) {
    if constexpr (request_message<T>) mention<request<T>>();
    mention<T>();
  };
  (mention_one(std::type_identity<Ts>{}), ...);
}

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
    mention_all(all_messages<S>());
    return launch_server_of(
        home, options, class_of<S>,
        std::make_unique<maker_of<S, std::decay_t<Args>...>>(std::forward<Args>(args)...));
  } else {
    return {};
  }
}

}  // namespace internal
}  // namespace troupe
