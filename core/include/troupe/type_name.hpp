#pragma once
// The name of a type at compile time. Nodes tell message types by it, so it is the same from both
// compilers.

#include <troupe/compiler.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// In a namespace without types: GCC leaves out the one that the function is in.
namespace troupe_type_name {

template <class T>
consteval std::string_view whole() {
  return __PRETTY_FUNCTION__;  // "... [T = play::add]" or "... [with T = ...; ...]"
}
// What stands around the name is the same for all types.
inline constexpr std::size_t before = whole<int>().find("T = ") + 4;
inline constexpr std::size_t after = whole<int>().size() - before - std::string_view("int").size();

template <class T>
consteval std::string_view raw() {
  constexpr std::string_view text = whole<T>();
  return {text.data() + before, text.size() - before - after};
}

}  // namespace troupe_type_name

namespace troupe::internal {

template <std::size_t Capacity>
struct name_buffer {
  char text[Capacity] = {};
  std::size_t size = 0;
};

// Whether the compiler has written a part that the other one writes in another way.
consteval bool has_noise(std::string_view raw) {
  char last = ' ';
  for (const char c : raw) {
    if (c == '(' || c == '{' || c == '<' || (c == '_' && last == '_')) return true;
    last = c;
  }
  return false;
}
// The two compilers write unnamed namespaces in two ways.
template <class T>
consteval auto clean_type_name() {
  constexpr std::string_view raw = troupe_type_name::raw<T>();
  name_buffer<raw.size() + 1> out;
  constexpr std::string_view noise[] = {
      "(anonymous namespace)::", "{anonymous}::", "<unnamed>::", "__cxx11::"};
  for (std::size_t i = 0; i < raw.size();) {
    std::size_t skip = 0;
    for (std::string_view word : noise)
      if (raw.substr(i, word.size()) == word) skip = word.size();
    if (skip == 0) out.text[out.size++] = raw[i];
    i += skip == 0 ? 1 : skip;
  }
  return out;
}
template <class T>
inline constexpr auto cleaned_type_name = clean_type_name<T>();

template <class T>
concept names_itself = requires {
  { T::type_name } -> std::convertible_to<std::string_view>;
};
// Whether char and wchar_t have a sign depends on the processor; here they have none.
template <class T>
inline constexpr bool has_sign =
    std::is_signed_v<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t>;

template <class T>
constexpr std::string_view type_name();

// Names of standard templates are put together from those of their arguments, because compilers
// write them in different ways.
template <class T>
struct template_name;
template <class... Ts>
consteval auto join_names(std::string_view head) {
  constexpr std::size_t length = (type_name<Ts>().size() + ... + (sizeof...(Ts) + 16));
  name_buffer<length> out;
  const auto add = [&](std::string_view text) {
    for (const char c : text) out.text[out.size++] = c;
  };
  add(head);
  std::size_t index = 0;
  ((add(index++ == 0 ? "<" : ","), add(type_name<Ts>())), ...);
  add(sizeof...(Ts) == 0 ? "<>" : ">");
  return out;
}
template <class... Ts>
struct template_name<std::tuple<Ts...>> {
  static constexpr auto value = join_names<Ts...>("tuple");
};
template <class... Ts>
struct template_name<std::pair<Ts...>> {
  static constexpr auto value = join_names<Ts...>("pair");
};
template <class... Ts>
struct template_name<std::variant<Ts...>> {
  static constexpr auto value = join_names<Ts...>("variant");
};
template <class T>
struct template_name<std::optional<T>> {
  static constexpr auto value = join_names<T>("optional");
};
template <class T>
struct template_name<std::vector<T>> {
  static constexpr auto value = join_names<T>("vector");
};

template <class T>
constexpr std::string_view type_name() {
  if constexpr (names_itself<T>) {
    return T::type_name;
  } else if constexpr (std::same_as<T, bool>) {
    return "bool";
  } else if constexpr (std::same_as<T, std::string>) {
    return "string";
  } else if constexpr (std::is_integral_v<T>) {
    constexpr std::string_view names[2][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                              {"int8", "int16", "int32", "int64"}};
    return names[has_sign<T>][std::bit_width(sizeof(T)) - 1];
  } else if constexpr (requires { template_name<T>::value; }) {
    return {template_name<T>::value.text, template_name<T>::value.size};
  } else if constexpr (has_noise(troupe_type_name::raw<T>())) {
    return {cleaned_type_name<T>.text, cleaned_type_name<T>.size};
  } else {
    return troupe_type_name::raw<T>();
  }
}

}  // namespace troupe::internal
