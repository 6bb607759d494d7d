#pragma once
// Options from a configuration file: a table of values with their places, and how an aggregate is
// filled from it. Users need `bounded` and `config_error`.

#include <troupe/reflection.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>

namespace troupe {

/// What is wrong with a configuration: the text names file and line (or the environment variable),
/// the key, what it is and what it may be.
class config_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// A number in an aggregate of options that must be within limits: `bounded<int, 1, 100> pool{4};`
template <class T, T Least, T Most>
struct bounded {
  T value = Least;
  constexpr operator T() const noexcept { return value; }  // NOLINT(*-explicit-*): it is one
};

namespace internal {

struct config_value;
using config_list = std::vector<config_value>;
using config_table = std::map<std::string, config_value, std::less<>>;
struct config_value {
  std::variant<bool, std::int64_t, double, std::string, config_list, config_table> is;
  std::string where;  // "bank.toml:12"
};

// All throw config_error. The name of a file is for the places; a key of the environment is
// PREFIX + APPLICATION__KEY, also of a table in it: APPLICATION__TABLE__KEY.
config_table parse_config(std::string_view text, const std::string& file);
void override_config(config_table& into, std::string_view prefix,
                     std::span<const std::string> environment);

[[noreturn]] void refuse_type(const config_value& value, const std::string& key,
                              std::string_view wanted);
[[noreturn]] void refuse_range(const config_value& value, const std::string& key,
                               const std::string& least, const std::string& most);
[[noreturn]] void refuse_key(const config_value& value, const std::string& path,
                             std::string_view key, std::span<const std::string_view> known);
// "250ms", "5s", "2min", "1h"; also us and ns.
std::chrono::nanoseconds read_duration(const config_value& value, const std::string& key);
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// --- names of an aggregate's fields, from what the compiler calls a pointer to each ---

// `nobody` is never made: only addresses in it are named, at compile time.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
template <class T>
struct nowhere {
  T value;
};
template <class T>
extern const nowhere<T> nobody;
template <auto Field>
consteval std::string_view field_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... &nobody<T>.value.NAME]", GCC: "...T::NAME)]"
  text = text.substr(0, text.find_first_of(")];", text.rfind("value")));
  return text.substr(text.find_last_of(".:") + 1);
}
template <class T>
consteval auto field_names() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{
        field_name<&boost::pfr::get<I>(nobody<T>.value)>()...};
  }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <class T>
inline constexpr bool is_bounded = false;
template <class T, T Least, T Most>
inline constexpr bool is_bounded<bounded<T, Least, Most>> = true;

template <class T>
void read_integer(const config_value& from, T& into, const std::string& key, T least, T most) {
  const auto* number = std::get_if<std::int64_t>(&from.is);
  if (number == nullptr) refuse_type(from, key, "an integer");
  if (std::cmp_less(*number, least) || std::cmp_greater(*number, most))
    refuse_range(from, key, std::to_string(least), std::to_string(most));
  into = static_cast<T>(*number);
}

template <class T>
void read_config(const config_value& from, T& into, const std::string& key);

template <class T>
void read_fields(const config_table& from, T& into, const std::string& path) {
  static constexpr auto names = field_names<T>();
  for (const auto& [key, value] : from)
    if (std::find(names.begin(), names.end(), key) == names.end())
      refuse_key(value, path, key, names);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    [[maybe_unused]] const auto read = [&](std::string_view name, auto& field) {
      const auto at = from.find(name);
      if (at != from.end()) read_config(at->second, field, path + '.' + std::string(name));
    };
    (read(names[I], boost::pfr::get<I>(into)), ...);
  }(std::make_index_sequence<names.size()>{});
}

template <class T, T Least, T Most>
void read_bounded(const config_value& from, bounded<T, Least, Most>& into, const std::string& key) {
  read_integer(from, into.value, key, Least, Most);
}

template <class T>
void read_config(const config_value& from, T& into, const std::string& key) {
  if constexpr (std::same_as<T, bool>) {
    const auto* value = std::get_if<bool>(&from.is);
    if (value == nullptr) refuse_type(from, key, "true or false");
    into = *value;
  } else if constexpr (std::is_integral_v<T>) {
    read_integer(from, into, key, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
  } else if constexpr (std::is_floating_point_v<T>) {
    if (const auto* whole = std::get_if<std::int64_t>(&from.is))
      into = static_cast<T>(*whole);
    else if (const auto* value = std::get_if<double>(&from.is))
      into = static_cast<T>(*value);
    else
      refuse_type(from, key, "a number");
  } else if constexpr (std::same_as<T, std::string>) {
    const auto* value = std::get_if<std::string>(&from.is);
    if (value == nullptr) refuse_type(from, key, "a text");
    into = *value;
  } else if constexpr (is_bounded<T>) {
    read_bounded(from, into, key);
  } else if constexpr (is_duration<T>) {
    into = std::chrono::duration_cast<T>(read_duration(from, key));
  } else if constexpr (is_a<T, std::optional>) {
    read_config(from, into.emplace(), key);
  } else if constexpr (is_a<T, std::vector>) {
    const auto* list = std::get_if<config_list>(&from.is);
    if (list == nullptr) refuse_type(from, key, "a list");
    into.clear();
    for (std::size_t i = 0; i < list->size(); ++i) {
      typename T::value_type item{};
      read_config((*list)[i], item, key + '[' + std::to_string(i) + ']');
      into.push_back(std::move(item));
    }
  } else {
    static_assert(std::is_aggregate_v<T>,
                  "an option is a bool, a number, a bounded number, a std::string, a duration, a "
                  "std::optional or std::vector of these, or an aggregate of options");
    const auto* table = std::get_if<config_table>(&from.is);
    if (table == nullptr) refuse_type(from, key, "a table");
    read_fields(*table, into, key);
  }
}

}  // namespace internal
}  // namespace troupe
