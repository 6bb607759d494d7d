#pragma once

#include <troupe/fields.hpp>
#include <troupe/pid.hpp>
#include <troupe/type_name.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace troupe {

class bytes;
class exit_reason;

/// How a value is built, as far as a format (protobuf, text, JSON) must know.
enum class shape : std::uint8_t {
  boolean,
  signed_integer,  // also enumerations; `size` tells the width
  unsigned_integer,
  real,
  text,
  bytes,
  process,   // a pid: a format must say which node it means
  reason,    // an exit_reason
  record,    // an aggregate, pair, tuple or array: `parts` are its fields
  sequence,  // a container: `parts[0]` is its element
  optional,  // the same with at most one element
  choice,    // a variant: `parts` are its alternatives
  foreign,   // brings its own bytes, as classes made by protoc do
  opaque,    // no format can see inside: the value can be sent on this node only
};

/// One type as a table: what every format needs and nothing of any format. The functions that a
/// shape does not use are null. Tables are constants: one for each type in the program.
struct type_info {
  std::string_view name;
  shape form = shape::opaque;
  std::uint32_t size = 0;
  std::uint32_t alignment = 0;
  void (*construct)(void* storage) = nullptr;  // null if the type has no default constructor
  void (*destroy)(void* object) noexcept = nullptr;

  std::span<const type_info* const> parts;
  void* (*part)(void* object, std::size_t index) = nullptr;  // record and choice
  std::size_t (*count)(const void* object) = nullptr;        // elements; the active one of a choice
  void (*each)(const void* object, void (*visit)(void* state, const void* element),
               void* state) = nullptr;
  void (*insert)(void* object, void* element) = nullptr;             // moves the element in
  void (*select)(void* object, std::size_t alternative) = nullptr;   // choice
  std::span<const std::byte> (*view)(const void* object) = nullptr;  // text and bytes
  void (*assign)(void* object, std::span<const std::byte>) = nullptr;
  bool (*serialize)(const void* object, std::string& out) = nullptr;  // foreign
  bool (*parse)(void* object, std::string_view bytes) = nullptr;
};

namespace internal {

// Classes made by protoc: known by what they can do, so that core need not know Protocol Buffers.
template <class T>
concept serializes_itself = requires(T t, const T c, std::string* out, const std::string& in) {
  { c.SerializeToString(out) } -> std::same_as<bool>;
  { t.ParseFromString(in) } -> std::same_as<bool>;
};
template <class T>
concept container = !std::is_array_v<T> && requires(T t, const T c, typename T::value_type v) {
  { c.size() } -> std::convertible_to<std::size_t>;
  c.begin();
  c.end();
  t.insert(t.end(), std::move(v));
};
template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is_a<Template<Args...>, Template> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = std::is_integral_v<Rep>;
// A pointer to one plain value, which a format may take apart: not to an array, nor to a base
// class, whose object may be of another type, nor with a deleter of its own.
template <class T>
inline constexpr bool owns_plain_value = false;
template <class E>
  requires(!std::is_array_v<E>)
inline constexpr bool owns_plain_value<std::unique_ptr<E>> =
    std::is_move_constructible_v<E> && !std::is_polymorphic_v<E>;
template <class T>
concept byte_like = std::same_as<T, std::byte> || std::same_as<T, unsigned char>;

template <class T>
inline constexpr bool is_reference = false;
template <class T>
inline constexpr bool is_reference<T&> = true;
template <class T>
inline constexpr bool is_reference<T&&> = true;

template <class T>
constexpr type_info describe();

}  // namespace internal

/// The table of T.
template <class T>
inline constexpr type_info type_of = internal::describe<T>();

namespace internal {

template <class... Ts>
inline constexpr std::array<const type_info*, sizeof...(Ts)> part_list = {&type_of<Ts>...};

template <class T>
auto& as(void* object) {
  return *static_cast<T*>(object);
}
template <class T>
const T& as(const void* object) {
  return *static_cast<const T*>(object);
}

template <class... Fields>
constexpr std::span<const type_info* const> parts_of(std::type_identity<field_list<Fields...>>) {
  if constexpr (sizeof...(Fields) == 0)
    return {};
  else
    return part_list<std::remove_const_t<Fields>...>;
}
template <class T>
constexpr void describe_record(type_info& info) {
  info.form = shape::record;
  info.parts = parts_of(std::type_identity<typename fields_of<T>::list>());
  if (!info.parts.empty()) info.part = &fields_of<T>::at;
}

template <class T>
struct element_of {
  using type = typename T::value_type;
};
template <class T>
  requires requires { typename T::mapped_type; }
struct element_of<T> {  // without the const of a map's key, so that a format can fill it
  using type = std::pair<typename T::key_type, typename T::mapped_type>;
};

template <class T>
constexpr void describe_container(type_info& info) {
  using element = typename element_of<T>::type;
  info.form = shape::sequence;
  info.parts = part_list<element>;
  info.count = [](const void* object) -> std::size_t { return as<T>(object).size(); };
  info.each = [](const void* object, void (*visit)(void*, const void*), void* state) {
    for (const auto& item : as<T>(object)) {
      if constexpr (std::same_as<T, std::vector<bool>>) {
        const bool value = item;
        visit(state, &value);
      } else {
        visit(state, std::addressof(item));
      }
    }
  };
  info.insert = [](void* object, void* item) {
    as<T>(object).insert(as<T>(object).end(), std::move(as<element>(item)));
  };
}

template <class T>
constexpr void describe_optional(type_info& info) {  // std::optional and std::unique_ptr
  using element = std::remove_cvref_t<decltype(*std::declval<T&>())>;
  info.form = shape::optional;
  info.parts = part_list<element>;
  info.count = [](const void* object) -> std::size_t { return as<T>(object) ? 1 : 0; };
  info.each = [](const void* object, void (*visit)(void*, const void*), void* state) {
    if (as<T>(object)) visit(state, std::addressof(*as<T>(object)));
  };
  info.insert = [](void* object, void* item) {
    if constexpr (is_a<T, std::optional>)
      as<T>(object).emplace(std::move(as<element>(item)));
    else
      as<T>(object) = std::make_unique<element>(std::move(as<element>(item)));
  };
}

template <class T, class... Ts>
constexpr void describe_choice(type_info& info, std::type_identity<std::variant<Ts...>>) {
  info.form = shape::choice;
  info.parts = part_list<Ts...>;
  info.count = [](const void* object) { return as<T>(object).index(); };
  info.part = [](void* object, std::size_t) -> void* {
    return std::visit([](auto& value) -> void* { return std::addressof(value); }, as<T>(object));
  };
  info.select = [](void* object, std::size_t alternative) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto make = [&]<std::size_t J, class A>(std::type_identity<A>) {
        if constexpr (std::is_default_constructible_v<A>)
          if (J == alternative) as<T>(object).template emplace<J>();
      };
      (make.template operator()<I>(std::type_identity<Ts>{}), ...);
    }(std::index_sequence_for<Ts...>{});
  };
}

template <class T>
constexpr void describe_bytes(type_info& info) {
  info.view = [](const void* object) {
    return std::as_bytes(std::span(as<T>(object).data(), as<T>(object).size()));
  };
  info.assign = [](void* object, std::span<const std::byte> bytes) {
    T& to = as<T>(object);
    if constexpr (std::is_constructible_v<T, std::span<const std::byte>>) {
      to = T(bytes);
    } else {
      to.resize(bytes.size());
      if (!bytes.empty()) std::memcpy(to.data(), bytes.data(), bytes.size());
    }
  };
}

template <class T>
constexpr void describe_foreign(type_info& info) {
  info.form = shape::foreign;
  info.serialize = [](const void* object, std::string& out) {
    return as<T>(object).SerializeToString(&out);
  };
  info.parse = [](void* object, std::string_view bytes) {
    return as<T>(object).ParseFromString(std::string(bytes));
  };
}

template <class T>
void construct_value(void* storage) {
  ::new (storage) T();
}
template <class T>
void destroy_value(void* object) noexcept {
  static_cast<T*>(object)->~T();
}

template <class T>
constexpr void describe_scalar(type_info& info) {
  if constexpr (std::same_as<T, bool>) {
    info.form = shape::boolean;
  } else if constexpr (std::is_enum_v<T>) {
    info.form =
        has_sign<std::underlying_type_t<T>> ? shape::signed_integer : shape::unsigned_integer;
  } else if constexpr (std::is_integral_v<T>) {
    info.form = has_sign<T> ? shape::signed_integer : shape::unsigned_integer;
  } else if constexpr (std::same_as<T, float> || std::same_as<T, double>) {
    info.form = shape::real;
  }
}

template <class T>
constexpr void describe_class(type_info& info) {
  if constexpr (is_duration<T>) {
    info.form = shape::signed_integer;  // the count of its ticks
  } else if constexpr (std::same_as<T, std::string>) {
    info.form = shape::text;
    describe_bytes<T>(info);
  } else if constexpr (std::same_as<T, bytes>) {
    info.form = shape::bytes;
    describe_bytes<T>(info);
  } else if constexpr (std::same_as<T, pid>) {
    info.form = shape::process;
  } else if constexpr (std::same_as<T, exit_reason>) {
    info.form = shape::reason;
  } else if constexpr (serializes_itself<T>) {
    describe_foreign<T>(info);
  } else if constexpr (is_a<T, std::optional> || owns_plain_value<T>) {
    describe_optional<T>(info);
  } else if constexpr (is_a<T, std::variant>) {
    describe_choice<T>(info, std::type_identity<T>{});
  } else if constexpr (container<T>) {
    if constexpr (is_a<T, std::vector> && byte_like<typename T::value_type>) {
      info.form = shape::bytes;
      describe_bytes<T>(info);
    } else {
      describe_container<T>(info);
    }
  } else if constexpr (tuple_like<T> || (std::is_aggregate_v<T> && !has_base<T>)) {
    describe_record<T>(info);
  }
}

// Each message type of a program passes through here: traits of the standard library that are made
// of many others (is_default_constructible, is_object) cost more than they say.
template <class T>
constexpr type_info describe() {
  type_info info;
  info.name = type_name<T>();
  info.size = sizeof(T);
  info.alignment = alignof(T);
  if constexpr (requires { T(); }) info.construct = &construct_value<T>;
  if constexpr (!is_reference<T>) info.destroy = &destroy_value<T>;
  if constexpr (std::is_class_v<T> || std::is_union_v<T>)
    describe_class<T>(info);
  else
    describe_scalar<T>(info);
  return info;
}

}  // namespace internal
}  // namespace troupe
