#include "job.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>

namespace jobs {
namespace {

constexpr std::chrono::milliseconds longest_sleep = std::chrono::hours(24);

struct bad_line : std::runtime_error {
  using runtime_error::runtime_error;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

template <class Number>
Number number_from(std::string_view text, Number lowest, Number highest,
                   std::string_view expected) {
  Number value{};
  const char* const end = text.end();
  const auto [stop, error] = std::from_chars(text.begin(), end, value);
  if (error != std::errc() || stop != end || !(value >= lowest && value <= highest))
    throw bad_line(fmt::format("expected {}, found '{}'", expected, text));
  return value;
}

decltype(job::what) parse(std::string_view text) {
  const std::size_t end = text.find_first_of(" \t");
  const std::string_view verb = text.substr(0, end);
  const std::string_view rest = end == std::string_view::npos ? "" : trimmed(text.substr(end));
  if (verb == "hash") {
    if (rest.empty()) throw bad_line("expected the path of a file after 'hash'");
    return hash_file{std::string(rest)};
  }
  if (verb == "sleep") {
    const std::int64_t ms = number_from<std::int64_t>(rest, 0, longest_sleep.count(),
                                                      "milliseconds, 0 to 86400000, after 'sleep'");
    return sleep_for{std::chrono::milliseconds(ms)};
  }
  if (verb == "fail")
    return fail_at_random{number_from(rest, 0.0, 1.0, "a probability, 0 to 1, after 'fail'")};
  throw bad_line(fmt::format(
      "expected 'hash FILE', 'sleep MILLISECONDS' or 'fail PROBABILITY', found '{}'", verb));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("cannot open {}", path));
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) throw std::runtime_error(fmt::format("cannot read {}", path));
  return content;
}

troupe::task<std::string> perform_one(troupe::context self, hash_file what) {
  co_return co_await self.blocking([path = what.path] { return hash_of(read_file(path)); });
}
troupe::task<std::string> perform_one(troupe::context self, sleep_for what) {
  co_await self.sleep(what.time);
  co_return "rested";
}
troupe::task<std::string> perform_one(troupe::context self, fail_at_random what) {
  const double drawn = std::ldexp(static_cast<double>(self.random() >> 11U), -53);  // [0, 1)
  if (drawn < what.probability) throw std::runtime_error("failed, as it was asked to");
  co_return "did not fail";
}

}  // namespace

std::vector<job> read_jobs(std::istream& in, std::string_view name) {
  std::vector<job> all;
  std::string errors;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.starts_with('#')) continue;
    try {
      all.push_back({number, std::string(text), parse(text)});
    } catch (const bad_line& e) {
      errors += fmt::format("{}{}:{}: {}", errors.empty() ? "" : "\n", name, number, e.what());
    }
  }
  if (!errors.empty()) throw bad_input(errors);
  return all;
}

troupe::task<std::string> perform(troupe::context self, job what) {
  return std::visit([&](auto& one) { return perform_one(self, std::move(one)); }, what.what);
}

std::string hash_of(std::string_view content) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  for (const char c : content) {
    sum ^= static_cast<unsigned char>(c);
    sum *= 0x100000001b3U;
  }
  return fmt::format("{:016x}", sum);
}

}  // namespace jobs
