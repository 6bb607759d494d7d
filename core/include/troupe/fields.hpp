#pragma once
// The fields of an aggregate: how many, of which types, and where each is. Nothing here is for
// users to name.
//
// Every message type passes through here, so it is made to compile fast. Boost.PFR does the same
// for any aggregate, but looks for the number of fields among eight times as many as there are
// bytes: of a server with 64 types that took a third of the time. It serves what has more fields
// than few_fields.

#include <troupe/compiler.hpp>

#include <boost/pfr/core.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace troupe::internal {

inline constexpr std::size_t few_fields = 16;

// Stands for any field in a braced list, as in Boost.PFR: an lvalue where T can be copied, else a
// value, because some fields can be made from one of the two only.
struct copied_field {
  template <class Field>
  operator Field&() const&& noexcept {
    std::terminate();
  }
  template <class Field>
  operator Field&() const& noexcept {
    std::terminate();
  }
};
struct moved_field {
  template <class Field>
  operator Field() const&& noexcept {
    std::terminate();
  }
};
// Stands for what T inherits, and for nothing at all.
template <class T>
struct base_of {
  template <class Base>
    requires(!std::is_same_v<Base, T> && std::is_base_of_v<Base, T>)
  operator Base&() const noexcept {
    std::terminate();
  }
};
struct no_field {};

// Whether T is an aggregate that inherits.
template <class T>
consteval bool look_for_base() {
  if constexpr (requires { T{base_of<T>()}; })
    return !requires { T{no_field()}; };  // else the first field is made from whatever is given
  else
    return false;
}
template <class T>
inline constexpr bool has_base = false;
template <class T>
  requires std::is_aggregate_v<T>
inline constexpr bool has_base<T> = look_for_base<T>();

template <class T, class... Any>
inline constexpr bool made_of = requires { T{Any()...}; };

// The fields of T from those on that are known to be there. It has more if it takes one more, or
// if one that follows cannot be left out.
template <class T, class Any, class... Known>
consteval std::size_t count_from() {
  constexpr bool all = made_of<T, Known...> && !made_of<T, Known..., Any>;
  if constexpr (all || sizeof...(Known) > few_fields)
    return sizeof...(Known);
  else
    return count_from<T, Any, Known..., Any>();
}
// How many fields T has, or few_fields + 1 if there are more.
template <class T>
consteval std::size_t count_few() {
  if constexpr (requires(const T& value) { T(value); })
    return count_from<T, copied_field>();
  else
    return count_from<T, moved_field>();
}

// The types of some fields, and the address of one of them.
template <class... Fields>
struct field_list {
  void* at = nullptr;

  static constexpr std::size_t count = sizeof...(Fields);
  template <std::size_t I>
  using type = std::tuple_element_t<I, std::tuple<Fields...>>;
};
template <class... Fields>
field_list<Fields...> pick(std::size_t index, Fields&... field) noexcept {
  const void* const all[] = {std::addressof(field)..., nullptr};
  return {const_cast<void*>(all[index])};  // a format fills a const field of a value of its own
}

// What Boost.PFR finds, for an aggregate of many fields.
template <class T, std::size_t I>
void* wide_field(T& of) noexcept {
  return const_cast<void*>(static_cast<const void*>(std::addressof(boost::pfr::get<I>(of))));
}
template <class T, std::size_t... I>
auto pick_wide(T& of, std::size_t index, std::index_sequence<I...>) noexcept {
  constexpr void* (*at[])(T&) noexcept = {&wide_field<T, I>...};
  return field_list<boost::pfr::tuple_element_t<I, T>...>{at[index](of)};
}

// A field of an aggregate, by its index.
template <class T>
auto pick_field(T& of, [[maybe_unused]] std::size_t index) noexcept {
  constexpr std::size_t count = count_few<T>();
  if constexpr (count == 0) {
    return pick<>(index);
  } else if constexpr (count == 1) {
    auto& [a] = of;
    return pick<decltype(a)>(index, a);
  } else if constexpr (count == 2) {
    auto& [a, b] = of;
    return pick<decltype(a), decltype(b)>(index, a, b);
  } else if constexpr (count == 3) {
    auto& [a, b, c] = of;
    return pick<decltype(a), decltype(b), decltype(c)>(index, a, b, c);
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d)>(index, a, b, c, d);
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e)>(index, a, b, c, d,
                                                                                 e);
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, f] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f)>(
        index, a, b, c, d, e, f);
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g)>(index, a, b, c, d, e, f, g);
  } else if constexpr (count == 8) {
    auto& [a, b, c, d, e, f, g, h] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h)>(index, a, b, c, d, e, f, g, h);
  } else if constexpr (count == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i)>(index, a, b, c, d, e, f, g, h, i);
  } else if constexpr (count == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j)>(index, a, b, c, d, e, f, g, h,
                                                                    i, j);
  } else if constexpr (count == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k)>(
        index, a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (count == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l)>(
        index, a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (count == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l),
                decltype(m)>(index, a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (count == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l),
                decltype(m), decltype(n)>(index, a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  } else if constexpr (count == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l),
                decltype(m), decltype(n), decltype(o)>(index, a, b, c, d, e, f, g, h, i, j, k, l, m,
                                                       n, o);
  } else if constexpr (count == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = of;
    return pick<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l),
                decltype(m), decltype(n), decltype(o), decltype(p)>(index, a, b, c, d, e, f, g, h,
                                                                    i, j, k, l, m, n, o, p);
  } else {
    return pick_wide(of, index, std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  }
}

// The fields of a record.
template <class T>
struct fields_of {
  using list = decltype(pick_field(std::declval<T&>(), 0));
  static void* at(void* object, std::size_t index) noexcept {
    return pick_field(*static_cast<T*>(object), index).at;
  }
};
template <class T, class... Fields>
struct fields_of_tuple {
  using list = field_list<Fields...>;
  static void* at(void* object, std::size_t index) noexcept {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return pick<Fields...>(index, std::get<I>(*static_cast<T*>(object))...);
    }(std::index_sequence_for<Fields...>())
               .at;
  }
};
template <class T>
inline constexpr bool tuple_like = false;
template <class... Ts>
inline constexpr bool tuple_like<std::tuple<Ts...>> = true;
template <class A, class B>
inline constexpr bool tuple_like<std::pair<A, B>> = true;
template <class T, std::size_t N>
inline constexpr bool tuple_like<std::array<T, N>> = true;

template <class... Ts>
struct fields_of<std::tuple<Ts...>> : fields_of_tuple<std::tuple<Ts...>, Ts...> {};
template <class A, class B>
struct fields_of<std::pair<A, B>> : fields_of_tuple<std::pair<A, B>, A, B> {};
template <class T, std::size_t N>
struct fields_of<std::array<T, N>> {
  template <std::size_t>
  using element = T;
  template <std::size_t... I>
  static field_list<element<I>...> repeat(std::index_sequence<I...>);
  using list = decltype(repeat(std::make_index_sequence<N>()));
  static void* at(void* object, std::size_t index) noexcept {
    return &(*static_cast<std::array<T, N>*>(object))[index];
  }
};

}  // namespace troupe::internal
