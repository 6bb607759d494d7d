// Bytes that no honest node sends: the decoder neither crashes nor takes memory beyond its bound.
#include <troupe/exit_reason.hpp>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>
#include <variant>
#include <vector>

#include "net/codec_support.hpp"

namespace troupe::net::codec_test {
namespace {

// Containers with this allocator count what they hold, and the most that they held.
struct held {
  static inline std::uint64_t now = 0;
  static inline std::uint64_t most = 0;
  static void reset() { most = now; }
};
template <class T>
struct counting {
  using value_type = T;
  counting() = default;
  template <class U>
  counting(const counting<U>&) {}
  T* allocate(std::size_t n) {
    held::now += n * sizeof(T);
    held::most = std::max(held::most, held::now);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* at, std::size_t n) {
    held::now -= n * sizeof(T);
    std::allocator<T>().deallocate(at, n);
  }
  bool operator==(const counting&) const = default;
};
template <class T>
using counted_vector = std::vector<T, counting<T>>;

struct large {  // a thousand bytes, none of them on the wire
  std::array<std::optional<std::int64_t>, 64> slots;
};
struct bombs {
  counted_vector<large> vector;
  std::map<std::int32_t, large, std::less<>, counting<std::pair<const std::int32_t, large>>> map;
  counted_vector<counted_vector<large>> nested;
  std::optional<large> one;
};
struct rich {
  std::int32_t number = 0;
  std::string text;
  std::vector<std::byte> data;
  std::optional<std::optional<std::int64_t>> twice;
  std::vector<std::variant<std::monostate, double, std::string, std::vector<rich>>> parts;
  std::unordered_map<std::string, std::vector<std::uint32_t>> table;
  std::set<std::int16_t> set;
  std::unique_ptr<rich> next;
  exit_reason reason;
  pid process;
  std::tuple<bool, float, std::vector<bool>> flags;
};

// A field with these bytes as its content.
std::string field(unsigned number, const std::string& content) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (std::size_t rest = content.size();; rest >>= 7) {
    if (rest < 128) return out += static_cast<char>(rest), out + content;
    out += static_cast<char>((rest & 127) | 128);
  }
}
std::string repeated(const std::string& what, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += what;
  return out;
}

rich example(int depth = 3) {
  rich out{.number = -7,
           .text = "text",
           .data = {std::byte{1}},
           .twice = std::optional<std::int64_t>(5),
           .parts = {},
           .table = {{"a", {1, 300}}, {"b", {}}},
           .set = {-1, 5},
           .next = nullptr,
           .reason = exit_reason::error("std::logic_error", "why"),
           .process = {1, 2},
           .flags = {true, 1.5f, {true, false}}};
  out.parts.emplace_back();
  out.parts.emplace_back(2.5);
  out.parts.emplace_back("part");
  if (depth > 0) {
    std::vector<rich> more;
    more.push_back(example(depth - 1));
    out.parts.emplace_back(std::move(more));
    out.next = std::make_unique<rich>(example(depth - 1));
  }
  return out;
}

void decode_anything(const std::string& bytes) {
  rich value;
  if (!try_decode(bytes, value)) {
    // What was accepted is a value like any other: it can be sent on.
    std::string again;
    CHECK_FALSE(try_encode(value, again));
  }
}

TEST_CASE("an element bomb takes no more memory than one message may") {
  const limits bounds{.message_bytes = 8 * 1024 * 1024};
  const std::string mapped = field(2, std::string("\x12\x00", 2));
  for (const std::string& bomb :
       {repeated(field(1, ""), 4'000'000), repeated(field(2, ""), 4'000'000),
        repeated(field(4, ""), 4'000'000), repeated(field(3, repeated(field(1, ""), 50)), 70'000),
        repeated(mapped, 2'000'000)}) {
    held::reset();
    {
      bombs value;
      const auto error = try_decode(bomb, value, bounds);
      REQUIRE(error);
      CHECK(error->what == cause::too_large);
      CHECK_THAT(error->text, matchers::ContainsSubstring("bytes that one may take in memory"));
    }
    // A vector that grows holds its old and its new memory, twice as large.
    CHECK(held::most <= 3 * bounds.decoded_bytes());
    CHECK(held::now == 0);
  }
}

TEST_CASE("packed numbers count with the memory that they take, not with their bytes") {
  const limits bounds{.message_bytes = 16 * 1024 * 1024};
  struct numbers {
    counted_vector<std::int64_t> vector;
  } value;
  const auto error = try_decode(field(1, std::string(6'000'000, '\x02')), value, bounds);
  REQUIRE(error);
  CHECK(error->what == cause::too_large);
  CHECK(held::most <= 3 * bounds.decoded_bytes());
}

TEST_CASE("a length that has not arrived takes no memory") {
  held::reset();
  std::vector<std::byte, counting<std::byte>> bytes;
  (void)try_decode(unhex("0a ff ff ff ff 07"), bytes);
  std::string text;
  CHECK(try_decode(unhex("0a ff ff ff ff 07 61"), text)->what == cause::malformed);
  CHECK(text.capacity() < 100);
  CHECK(held::most == held::now);
}

TEST_CASE("messages nested a hundred thousand deep are refused, known or unknown") {
  struct deep {
    std::unique_ptr<deep> next;
  } value;
  std::string known, choices;
  for (int i = 0; i < 3'000; ++i) known = field(1, known);
  CHECK(try_decode(known, value)->what == cause::too_deep);
  const std::string groups(100'000, '\x1b');  // field 3 as a group, not ended
  CHECK(try_decode(groups, value)->what == cause::malformed);
}

TEST_CASE("exit reasons within exit reasons are copied within the bound only") {
  internal::mention<exit_reason>();
  // Each holds the next as its value: at each level all bytes further in are there once more.
  const std::string type = field(4, std::string(type_of<exit_reason>.name));
  std::string bytes = std::string("\x08\x08", 2) + field(9, std::string(4'000'000, 'x'));
  for (int i = 0; i < 30; ++i) bytes = std::string("\x08\x08", 2) + type + field(5, bytes);
  exit_reason value;
  REQUIRE_FALSE(try_decode(bytes, value));
  int levels = 0;
  const exit_reason* at = &value;
  while (at->get_if<exit_reason>() != nullptr) at = at->get_if<exit_reason>(), ++levels;
  CHECK(levels <= 16);  // 64 MiB
  CHECK_THAT(std::string(at->text()), matchers::ContainsSubstring("which cannot be decoded"));
}

TEST_CASE("a message cut off at any byte is refused, or is a shorter message") {
  const std::string whole = encoded(example());
  for (std::size_t size = 0; size < whole.size(); ++size) decode_anything(whole.substr(0, size));
  // Within the one field of a message there is no shorter one.
  const std::string one = encoded(std::vector<std::string>{std::string(200, 'x')});
  for (std::size_t size = 1; size < one.size(); ++size) {
    std::vector<std::string> value;
    const auto error = try_decode(one.substr(0, size), value);
    REQUIRE(error);
    CHECK(error->what == cause::malformed);
  }
}

TEST_CASE("messages with bytes changed at random never do harm") {
  std::mt19937 random(20240607);
  const std::string whole = encoded(example());
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 4'000; ++round) {
    std::string bytes = whole;
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      const std::size_t at = below(bytes.size());
      switch (below(4)) {
        case 0: bytes[at] = static_cast<char>(below(256)); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
        case 2: bytes.erase(at, 1 + below(8)); break;
        default: bytes.insert(at, bytes.substr(below(bytes.size()), below(40))); break;
      }
      if (bytes.empty()) bytes = whole;
    }
    decode_anything(bytes);
  }
}

TEST_CASE("bytes at random never do harm") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(std::uniform_int_distribution<std::size_t>(0, 64)(random), '\0');
    for (char& c : bytes) c = static_cast<char>(std::uniform_int_distribution<>(0, 255)(random));
    decode_anything(bytes);
  }
}

}  // namespace
}  // namespace troupe::net::codec_test
