#pragma once
// Which of our message types are which messages of CAF, checked while compiling.

#include <troupe/troupe.hpp>

#include <caf/actor.hpp>
#include <caf/atom.hpp>
#include <caf/make_message.hpp>
#include <caf/type_erased_tuple.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace troupe::caf {

/// A message of CAF with several elements as one type of ours: `maps<add, ::caf::add_atom, int,
/// int>` for `struct add { int a; int b; using reply = int; }`. The elements stand for T's fields,
/// in order and with the same types; atoms stand for no field. A field that is a `pid` is a
/// `::caf::actor` in CAF.
template <class T, class... Elements>
struct maps {};

/// What a bridge lets across: `types<note, maps<add, ::caf::add_atom, int, int>>{}`. A type that
/// stands alone is a message of one element of that type in both worlds, and crosses by move. CAF
/// must be able to hold it: give it CAF's `inspect`, or CAF_ALLOW_UNSAFE_MESSAGE_TYPE.
template <class... Entries>
struct types {};

namespace internal {

class joint;

// The two sides of an address. Throw std::runtime_error once the bridge is closed.
[[nodiscard]] pid to_pid(joint& between, const ::caf::actor& actor);
[[nodiscard]] ::caf::actor to_actor(joint& between, pid process);

template <class Element>
inline constexpr bool is_atom = ::caf::is_atom_constant<Element>::value;
template <class Element>
inline constexpr bool is_address = std::same_as<Element, ::caf::actor>;
template <class Field, class Element>
inline constexpr bool corresponds =
    std::same_as<Field, Element> || (std::same_as<Field, pid> && is_address<Element>);

template <class Element, class Field>
Element to_element(joint& between, Field& field) {
  if constexpr (is_address<Element> && std::same_as<Field, pid>)
    return to_actor(between, field);
  else
    return std::move(field);
}
template <class Field, class Element>
Field to_field(joint& between, ::caf::type_erased_tuple& content, std::size_t at) {
  if constexpr (std::same_as<Field, pid> && is_address<Element>)
    return to_pid(between, content.get_as<Element>(at));
  else
    return content.move_if_unshared<Element>(at);
}

template <class Element>
std::string element_name() {
  if constexpr (is_atom<Element>)
    return "'" + ::caf::to_string(Element::get_value()) + "'";
  else if constexpr (is_address<Element>)
    return "actor";
  else
    return std::string(troupe::internal::type_name<Element>());
}

// Which place among the elements each field has.
template <class... Elements>
consteval auto places_of_fields() {
  constexpr std::size_t count = ((is_atom<Elements> ? 0 : 1) + ... + std::size_t{0});
  std::array<std::size_t, count> places{};
  std::size_t place = 0;
  std::size_t field = 0;
  ((is_atom<Elements> ? void() : void(places[field++] = place), ++place), ...);
  return places;
}

// How a T is laid out in a message of CAF: by several elements, or as the one element itself.
template <class T, class... Elements>
struct layout {
  using value_type = T;
  using elements = std::tuple<Elements...>;
  // What is no class is taken for one field: `check` says that it must be a record.
  using fields =
      troupe::internal::fields_of<std::conditional_t<std::is_class_v<T>, T, std::tuple<T>>>;
  static constexpr auto places = places_of_fields<Elements...>();
  template <std::size_t I>
  using field = std::remove_const_t<typename fields::list::template type<I>>;
  template <std::size_t I>
  using element = std::tuple_element_t<places[I], elements>;

  static consteval void check() {
    troupe::internal::check_sendable<T>();
    static_assert(type_of<T>.form == shape::record,
                  "troupe::caf::maps<T, Elements...>: T must be an aggregate, a pair or a tuple");
    if constexpr (type_of<T>.form == shape::record) {
      static_assert(fields::list::count == places.size(),
                    "troupe::caf::maps<T, Elements...>: give one element for each field of T, in "
                    "order; atoms stand for no field");
      if constexpr (fields::list::count == places.size())
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          static_assert((corresponds<field<I>, element<I>> && ...),
                        "troupe::caf::maps<T, Elements...>: an element must have the type of T's "
                        "field at its place, or be a caf::actor where the field is a pid");
        }(std::make_index_sequence<fields::list::count>{});
    }
  }
  static bool matches(const ::caf::type_erased_tuple& content) {
    return content.match_elements<Elements...>();
  }
  static T take(joint& between, ::caf::type_erased_tuple& content) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return T{to_field<field<I>, element<I>>(between, content, places[I])...};
    }(std::make_index_sequence<fields::list::count>{});
  }
  // Calls `make` with all elements; moves out of the value.
  template <class Make>
  static auto give(joint& between, T& value, Make make) {
    return [&]<std::size_t... Place>(std::index_sequence<Place...>) {
      return make(element_at<Place>(between, value)...);
    }(std::index_sequence_for<Elements...>{});
  }
  static std::string text() {
    std::string all;
    ((all += (all.empty() ? "" : ", ") + element_name<Elements>()), ...);
    return "(" + all + ")";
  }

 private:
  template <std::size_t Place>
  static auto element_at(joint& between, T& value) {
    using element = std::tuple_element_t<Place, elements>;
    if constexpr (is_atom<element>) {
      return element{};
    } else {
      constexpr auto at =
          static_cast<std::size_t>(std::find(places.begin(), places.end(), Place) - places.begin());
      return to_element<element>(between, *static_cast<field<at>*>(fields::at(&value, at)));
    }
  }
};

// A T that is the one element of its message; a pid is an actor there.
template <class T>
struct whole {
  using value_type = T;
  using element = std::conditional_t<std::same_as<T, pid>, ::caf::actor, T>;
  using elements = std::tuple<element>;

  static consteval void check() { troupe::internal::check_sendable<T>(); }
  static bool matches(const ::caf::type_erased_tuple& content) {
    return content.match_elements<element>();
  }
  static T take(joint& between, ::caf::type_erased_tuple& content) {
    return to_field<T, element>(between, content, 0);
  }
  template <class Make>
  static auto give(joint& between, T& value, Make make) {
    return make(to_element<element>(between, value));
  }
  static std::string text() { return "(" + element_name<element>() + ")"; }
};

// The reply `void`: an empty message.
struct empty {
  using value_type = troupe::internal::nothing;
  static bool matches(const ::caf::type_erased_tuple& content) { return content.empty(); }
  static value_type take(joint&, ::caf::type_erased_tuple&) { return {}; }
  template <class Make>
  static auto give(joint&, value_type&, Make make) {
    return make();
  }
  static std::string text() { return "()"; }
};

template <class Entry>
struct layout_of_entry {
  using type = whole<Entry>;
};
template <class T, class... Elements>
struct layout_of_entry<maps<T, Elements...>> {
  using type = layout<T, Elements...>;
};

// The layout of R among the entries, or R as the one element.
template <class R, class... Entries>
struct layout_of_type {
  using type = whole<R>;
};
template <class R, class First, class... Rest>
struct layout_of_type<R, First, Rest...> {
  using first = typename layout_of_entry<First>::type;
  using type =
      typename std::conditional_t<std::same_as<typename first::value_type, R>,
                                  std::type_identity<first>, layout_of_type<R, Rest...>>::type;
};
template <class... Entries>
struct layout_of_type<void, Entries...> {
  using type = empty;
};
template <class First, class... Rest>
struct layout_of_type<void, First, Rest...> {
  using type = empty;
};

using troupe::internal::message_node;
using troupe::internal::reply_slot;
using troupe::internal::request_header;

// One type in both worlds, as a table. Functions that convert throw what `to_pid` and copies of the
// values throw. Those of requests are null if the type names no reply.
struct correspondence {
  const message_type* value;    // T as it is sent
  const message_type* request;  // T as it is asked, or null
  bool (*matches)(const ::caf::type_erased_tuple& content);
  ::caf::message (*to_caf)(joint& between, message& from);
  message_node* (*to_value)(joint& between, ::caf::type_erased_tuple& content);
  message_node* (*to_request)(joint& between, ::caf::type_erased_tuple& content, reply_slot& slot,
                              const request_header& header);
  // Answers one of our requests from a response of CAF. False: it is no such reply.
  bool (*answer)(joint& between, message& request, ::caf::type_erased_tuple& response);
  // A response of CAF from the reply to what `to_request` made, or the reason why there is none.
  ::caf::message (*to_response)(joint& between, message& reply);
  const message_type* reply;
  std::string_view name;  // of T
  std::string_view reply_name;
  std::string (*elements)();
  std::string (*reply_elements)();
  void (*mention)() noexcept;  // lets nodes decode it
};

struct make_caf_message {
  template <class... Elements>
  ::caf::message operator()(Elements&&... elements) const {
    return ::caf::make_message(std::forward<Elements>(elements)...);
  }
};

template <class Layout, class Reply>
void describe_request(correspondence& c) {
  using asked = typename Layout::value_type;
  using payload = troupe::internal::reply_payload_of<asked>;
  c.request = &message_type_of<request<asked>>;
  c.reply = &message_type_of<payload>;
  c.reply_name = c.reply->value->name;
  c.reply_elements = &Reply::text;
  c.to_request = [](joint& between, ::caf::type_erased_tuple& content, reply_slot& slot,
                    const request_header& header) {
    return troupe::internal::make_request(slot, Layout::take(between, content), header);
  };
  c.answer = [](joint& between, message& from, ::caf::type_erased_tuple& response) {
    if (!Reply::matches(response)) return false;
    from.get_if<request<asked>>()->reply(Reply::take(between, response));
    return true;
  };
  c.to_response = [](joint& between, message& reply) {
    return Reply::give(between, reply.get_if<payload>()->value, make_caf_message{});
  };
}

template <class Layout, class... Entries>
correspondence describe() {
  using value = typename Layout::value_type;
  Layout::check();
  correspondence c{};
  c.value = &message_type_of<value>;
  c.name = type_of<value>.name;
  c.elements = &Layout::text;
  c.matches = &Layout::matches;
  c.to_caf = [](joint& between, message& from) {
    return Layout::give(between, *static_cast<value*>(from.value()), make_caf_message{});
  };
  c.to_value = [](joint& between, ::caf::type_erased_tuple& content) {
    return troupe::internal::make_node<value>(Layout::take(between, content));
  };
  c.mention = []() noexcept {
    troupe::internal::mention<value>();
    if constexpr (request_message<value>) troupe::internal::mention<request<value>>();
  };
  if constexpr (request_message<value>)
    describe_request<Layout, typename layout_of_type<typename value::reply, Entries...>::type>(c);
  return c;
}

template <class T, class... Ts>
inline constexpr bool is_once_in = ((std::same_as<T, Ts> ? 1 : 0) + ... + 0) == 1;
template <class... Layouts>
consteval void check_distinct() {
  static_assert((is_once_in<typename Layouts::value_type, typename Layouts::value_type...> && ...),
                "troupe::caf::types names a type twice: it crosses in one way");
  static_assert((is_once_in<typename Layouts::elements, typename Layouts::elements...> && ...),
                "troupe::caf::types gives one message of CAF to two types: which one it becomes "
                "must be clear");
}

template <class... Entries>
std::vector<correspondence> describe_all(types<Entries...>) {
  check_distinct<typename layout_of_entry<Entries>::type...>();
  return {describe<typename layout_of_entry<Entries>::type, Entries...>()...};
}

}  // namespace internal
}  // namespace troupe::caf
