#include <troupe/config.hpp>

#define TOML_HEADER_ONLY 1
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace troupe::internal {
namespace {

config_value convert(const toml::node& node, const std::string& file);

config_table convert_table(const toml::table& table, const std::string& file) {
  config_table made;
  for (const auto& [key, value] : table) made.emplace(key.str(), convert(value, file));
  return made;
}

config_value convert(const toml::node& node, const std::string& file) {
  config_value made{{}, fmt::format("{}:{}", file, node.source().begin.line)};
  if (const auto* table = node.as_table()) {
    made.is = convert_table(*table, file);
  } else if (const auto* list = node.as_array()) {
    auto& items = made.is.emplace<config_list>();
    for (const toml::node& item : *list) items.push_back(convert(item, file));
  } else if (const auto* flag = node.as_boolean()) {
    made.is = flag->get();
  } else if (const auto* whole = node.as_integer()) {
    made.is = whole->get();
  } else if (const auto* real = node.as_floating_point()) {
    made.is = real->get();
  } else if (const auto* text = node.as_string()) {
    made.is = text->get();
  } else {
    throw config_error(made.where + ": dates and times are not used here; give a text");
  }
  return made;
}

toml::table parse(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& wrong) {
    throw config_error(
        fmt::format("{}:{}: {}", file, wrong.source().begin.line, wrong.description()));
  }
}

std::string kind_of(const config_value& value) {
  struct namer {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t n) const { return fmt::format("the integer {}", n); }
    std::string operator()(double n) const { return fmt::format("the number {}", n); }
    std::string operator()(const std::string& s) const { return fmt::format("the text \"{}\"", s); }
    std::string operator()(const config_list&) const { return "a list"; }
    std::string operator()(const config_table&) const { return "a table"; }
  };
  return std::visit(namer{}, value.is);
}

// Of a variable: a TOML value, or else a text without its quotation marks.
config_value value_of(const std::string& text, const std::string& variable) {
  try {
    auto parsed = convert_table(toml::parse("value = " + text), variable);
    if (parsed.size() == 1) return std::move(parsed.at("value"));
  } catch (const toml::parse_error&) {
    return {text, {}};
  }
  return {text, {}};  // of several lines
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return made;
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

config_table parse_config(std::string_view text, const std::string& file) {
  return convert_table(parse(text, file), file);
}

void override_config(config_table& into, std::string_view prefix,
                     std::span<const std::string> environment) {
  for (const std::string& variable : environment) {
    const std::size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    std::string_view path = name;
    if (equals == std::string::npos || !path.starts_with(prefix) ||
        path.find("__") == std::string_view::npos)
      continue;
    path.remove_prefix(prefix.size());
    config_table* table = &into;
    for (std::size_t cut = path.find("__"); cut != std::string_view::npos; cut = path.find("__")) {
      config_value& next = (*table)[lower(path.substr(0, cut))];
      if (next.where.empty()) next.where = name;
      if (!std::holds_alternative<config_table>(next.is)) next.is.emplace<config_table>();
      table = &std::get<config_table>(next.is);
      path.remove_prefix(cut + 2);
    }
    config_value value = value_of(variable.substr(equals + 1), name);
    value.where = name;
    (*table)[lower(path)] = std::move(value);
  }
}

void refuse_type(const config_value& value, const std::string& key, std::string_view wanted) {
  throw config_error(
      fmt::format("{}: {} is {}; it must be {}", value.where, key, kind_of(value), wanted));
}

void refuse_range(const config_value& value, const std::string& key, const std::string& least,
                  const std::string& most) {
  throw config_error(fmt::format("{}: {} is {}; it must be from {} to {}", value.where, key,
                                 kind_of(value), least, most));
}

void refuse_key(const config_value& value, const std::string& path, std::string_view key,
                std::span<const std::string_view> known) {
  if (known.empty())
    throw config_error(fmt::format("{}: {} has no key {}, nor any other", value.where, path, key));
  throw config_error(fmt::format("{}: {} has no key {}; did you mean {}? It has: {}", value.where,
                                 path, key, nearest(key, known), fmt::join(known, ", ")));
}

std::chrono::nanoseconds read_duration(const config_value& value, const std::string& key) {
  constexpr std::string_view wanted = "a text as \"250ms\", with ns, us, ms, s, min or h";
  constexpr std::pair<std::string_view, std::int64_t> units[] = {{"ns", 1},
                                                                 {"us", 1'000},
                                                                 {"ms", 1'000'000},
                                                                 {"s", 1'000'000'000},
                                                                 {"min", 60'000'000'000},
                                                                 {"h", 3'600'000'000'000}};
  const auto* text = std::get_if<std::string>(&value.is);
  if (text == nullptr) refuse_type(value, key, wanted);
  std::int64_t count = 0;
  const char* const end = text->data() + text->size();
  const auto [rest, failed] = std::from_chars(text->data(), end, count);
  if (failed != std::errc() || count < 0) refuse_type(value, key, wanted);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  for (const auto& [name, size] : units) {
    if (unit != name) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / size)
      refuse_range(value, key, "0ns", "292 years");
    return std::chrono::nanoseconds(count * size);
  }
  refuse_type(value, key, wanted);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  return *std::ranges::min_element(
      known, {}, [&](std::string_view candidate) { return distance(word, candidate); });
}

}  // namespace troupe::internal
