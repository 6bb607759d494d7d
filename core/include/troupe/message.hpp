#pragma once

#include <troupe/reflection.hpp>

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace troupe {

class context;
template <class T>
class request;

/// Roles that a value plays in a mailbox.
enum class message_kind : std::uint8_t {
  value,    // sent by `send`
  request,  // sent by `call`: the value with the address that waits for its reply
  reply,    // what a call waits for; never seen by `receive`
  signal,   // for the runtime: exit, link, monitor and their removal, timeouts, completions
};

/// What the runtime knows of the payload of a message: one constant table for each type.
struct message_type {
  const type_info* value = nullptr;  // of a request its body, of a reply its result
  message_kind kind = message_kind::value;
  bool for_every_process = false;              // a request of sys.hpp
  std::uint32_t size = 0;                      // of the payload in bytes
  std::uint32_t value_offset = 0;              // of the value within the payload
  void (*construct)(void* payload) = nullptr;  // null if the value cannot be made from nothing
  void (*destroy)(void* payload) noexcept = nullptr;
};

namespace internal {
template <class T>
constexpr message_type describe_message();
}

/// The table of payload type T.
template <class T>
inline constexpr message_type message_type_of = internal::describe_message<T>();

namespace internal {

// A message in memory: this header, then the payload. One allocation. Whoever holds the pointer
// owns it: the sender until it is pushed, then the mailbox, then the receiver.
struct message_node {
  message_node* next = nullptr;
  const message_type* type = nullptr;

  [[nodiscard]] void* payload() noexcept { return this + 1; }
  [[nodiscard]] const void* payload() const noexcept { return this + 1; }
};
inline constexpr std::size_t max_payload_alignment = 16;
static_assert(sizeof(message_node) == max_payload_alignment);

[[nodiscard]] void* allocate(std::size_t size);
void deallocate(void* memory, std::size_t size) noexcept;
[[nodiscard]] message_node* make_blank(const message_type& type);
void release(message_node* node) noexcept;  // destroys the payload and frees the node

// Why a type cannot be sent, at compile time, in words that say what to write instead.
template <class T>
inline constexpr bool points_to_mutable = false;
template <class T>
inline constexpr bool points_to_mutable<std::shared_ptr<T>> = !std::is_const_v<T>;

template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<T*> = true;
template <class T>
inline constexpr bool is_pointer<T* const> = true;

// Numbers, texts and the like: nothing in them has to be checked.
template <class Fields>
inline constexpr bool plain_fields = false;
template <class... Fields>
inline constexpr bool plain_fields<field_list<Fields...>> =
    // NOLINTNEXTLINE(misc-redundant-expression): two fields may have one type
    ((!is_reference<Fields> && type_of<std::remove_const_t<Fields>>.form < shape::record) && ...);

template <class... Above, class... Fields>
constexpr void check_fields(std::type_identity<field_list<Fields...>>) noexcept;

// `Above` are the types that T is part of, so that the check of a type that holds itself ends. Not
// consteval: a call that is no constant expression would be a second error for the same mistake.
template <class T, class... Above>
constexpr void check_sendable() noexcept {
  static_assert(!is_reference<T>,
                "a reference cannot be sent: processes share nothing; send the value");
  static_assert(!is_pointer<T>,
                "a raw pointer cannot be sent: processes share nothing; send the value, a "
                "std::string for a text, troupe::bytes or a std::shared_ptr<const T> for large "
                "constant data");
  static_assert(!std::is_same_v<T, context>,
                "a context cannot be sent: it is of use to its own process only; send self.id()");
  static_assert(!std::is_same_v<T, std::string_view>,
                "a std::string_view cannot be sent: it may outlive its text; send a std::string");
  static_assert(!points_to_mutable<T>,
                "a std::shared_ptr to something mutable cannot be sent: processes share nothing; "
                "send the value, or a std::shared_ptr<const T>");
  static_assert(
      is_reference<T> || requires(T&& value) { T(static_cast<T&&>(value)); },
      "a message must be a value type that can be moved");
  static_assert(!has_base<T>,
                "a message that is an aggregate has no base class: make a member of it");
  static_assert(alignof(T) <= max_payload_alignment,
                "a message may be aligned to 16 bytes at most");
  if constexpr (!is_reference<T> && !(std::is_same_v<T, Above> || ...)) {
    constexpr shape form = type_of<T>.form;
    if constexpr (form == shape::record) {
      using fields = typename fields_of<T>::list;
      if constexpr (!plain_fields<fields>) check_fields<T, Above...>(std::type_identity<fields>());
    } else if constexpr (form == shape::sequence) {
      check_sendable<typename element_of<T>::type, T, Above...>();
    } else if constexpr (form == shape::optional) {
      check_sendable<std::remove_cvref_t<decltype(*std::declval<T&>())>, T, Above...>();
    } else if constexpr (form == shape::choice) {
      [&]<class... Ts>(std::type_identity<std::variant<Ts...>>) {
        (check_sendable<Ts, T, Above...>(), ...);
      }(std::type_identity<T>{});
    }
  }
}

template <class... Above, class... Fields>
constexpr void check_fields(std::type_identity<field_list<Fields...>>) noexcept {
  (check_sendable<Fields, Above...>(), ...);
}

template <class T>
inline constexpr bool has_destructor = !std::is_trivially_copyable_v<T>;
template <class T>
inline constexpr bool has_destructor<request<T>> = true;
template <class T>
constexpr message_type describe_message() {
  message_type type;
  type.size = sizeof(T);
  if constexpr (requires { T(); }) type.construct = &construct_value<T>;
  if constexpr (has_destructor<T>) type.destroy = &destroy_value<T>;
  if constexpr (requires { T::message_form(type); }) {
    T::message_form(type);  // requests, replies and signals say what they are
  } else {
    type.value = &type_of<T>;
  }
  return type;
}

template <class T, class... Args>
[[nodiscard]] message_node* make_node(Args&&... args) {
  void* memory = allocate(sizeof(message_node) + sizeof(T));
  auto* node = ::new (memory) message_node{nullptr, &message_type_of<T>};
  if constexpr (std::is_nothrow_constructible_v<T, Args...>) {
    ::new (node->payload()) T(std::forward<Args>(args)...);
  } else {
    try {
      ::new (node->payload()) T(std::forward<Args>(args)...);
    } catch (...) {
      deallocate(memory, sizeof(message_node) + sizeof(T));
      throw;
    }
  }
  return node;
}

// Types that a receiver mentions enter the list below before main, which is all that a node needs
// to decode them: nobody registers a message type by hand.
struct receivable_entry {
  explicit receivable_entry(std::span<const message_type* const> known) noexcept;
  std::span<const message_type* const> types;
  const receivable_entry* next;
};
template <class T>
inline constexpr const message_type* receivable_type = &message_type_of<T>;
template <class T>
inline const receivable_entry receivable{{&receivable_type<T>, 1}};

template <class T>
void mention() noexcept {
  (void)&receivable<T>;
  // Who gets a request may pass it on to another node; then the answer comes back this way.
  if constexpr (requires { typename T::answered_by; }) mention<typename T::answered_by>();
}

}  // namespace internal

/// The type of that role and name among those which receivers in this program mention, or null.
/// Any thread. Two different types of one name make the name unusable: null, and `ambiguous`.
struct found_type {
  const message_type* type = nullptr;
  bool ambiguous = false;
};
[[nodiscard]] found_type find_message_type(message_kind kind, std::string_view name);

/// A message of any type, owned: what `receive` gives to a handler that takes `troupe::message`,
/// so that a process can forward, keep or inspect what it does not know. Moves; does not copy.
class message {
 public:
  message() noexcept = default;
  explicit message(internal::message_node* node) noexcept : node_(node) {}
  message(message&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  message& operator=(message&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~message() {
    if (node_ != nullptr) internal::release(node_);
  }

  template <class T>
  [[nodiscard]] static message of(T value) {
    return message(internal::make_node<T>(std::move(value)));
  }
  /// A message of that type whose value is made from nothing, to be filled by a format.
  /// `type.construct` must not be null.
  [[nodiscard]] static message blank(const message_type& type) {
    return message(internal::make_blank(type));
  }

  [[nodiscard]] explicit operator bool() const noexcept { return node_ != nullptr; }
  [[nodiscard]] const message_type& type() const noexcept { return *node_->type; }
  [[nodiscard]] std::string_view name() const noexcept {
    return node_->type->value == nullptr ? "signal" : node_->type->value->name;
  }
  [[nodiscard]] void* value() noexcept {
    return static_cast<std::byte*>(node_->payload()) + node_->type->value_offset;
  }
  [[nodiscard]] const void* value() const noexcept {
    return static_cast<const std::byte*>(node_->payload()) + node_->type->value_offset;
  }
  /// The payload if it is a T, else null.
  template <class T>
  [[nodiscard]] T* get_if() noexcept {
    return is<T>() ? static_cast<T*>(node_->payload()) : nullptr;
  }
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return is<T>() ? static_cast<const T*>(std::as_const(*node_).payload()) : nullptr;
  }
  /// The whole payload: of a request, its header and then its value.
  [[nodiscard]] void* payload() noexcept { return node_->payload(); }
  [[nodiscard]] const internal::message_node& node() const noexcept { return *node_; }
  /// Gives up the node.
  [[nodiscard]] internal::message_node* release() noexcept { return std::exchange(node_, nullptr); }

 private:
  template <class T>
  [[nodiscard]] bool is() const noexcept {
    return node_ != nullptr && node_->type == &message_type_of<T>;
  }
  internal::message_node* node_ = nullptr;
};

namespace internal {

// What `send` sends: the value in a message, or the message itself.
template <class T>
[[nodiscard]] message_node* to_node(T&& value) {
  using stored = std::decay_t<T>;
  if constexpr (std::same_as<stored, message>) {
    return message(std::forward<T>(value)).release();
  } else {
    check_sendable<stored>();
    return make_node<stored>(std::forward<T>(value));
  }
}

}  // namespace internal

/// The value as text, by its fields: `play::add{1, "song"}`. For logs and crash reports.
[[nodiscard]] std::string to_text(const type_info& type, const void* value);
template <class T>
[[nodiscard]] std::string to_text(const T& value) {
  return to_text(type_of<T>, &value);
}

}  // namespace troupe
