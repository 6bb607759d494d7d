#include "wire/codec.hpp"

#include <troupe/bytes.hpp>
#include <troupe/exit_reason.hpp>

#include <bit>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <variant>
#include <vector>

#include "net/codec_support.hpp"

namespace troupe::net::codec_test {
namespace {

enum class colour : std::uint8_t { red, green = 200 };
enum class level : std::int64_t { low = INT64_MIN, high = INT64_MAX };
enum old_style { first = -3, second = 7 };

struct point {
  std::int32_t x = 0;
  std::int32_t y = 0;
  bool operator==(const point&) const = default;
};
struct nothing {
  bool operator==(const nothing&) const = default;
};
struct line {
  point from;
  point to;
  std::string label;
  nothing tag;
  bool operator==(const line&) const = default;
};
struct tree {
  int value = 0;
  std::vector<tree> children;
  bool operator==(const tree&) const = default;
};
struct chain {
  int value = 0;
  std::unique_ptr<chain> next;
};
struct own_reason {
  int code = 0;
  std::string why;
  bool operator==(const own_reason&) const = default;
};
struct closed_reason {
  std::shared_ptr<const int> inside;
};
struct filled {
  std::vector<int> numbers = {1, 2, 3};
  std::optional<int> maybe = 4;
  std::unique_ptr<point> where = std::make_unique<point>();
  std::map<int, int> table = {{1, 2}};
  int plain = 5;
};
// A class that brings its own bytes, as those made by protoc do.
class stamp {
 public:
  stamp() = default;
  explicit stamp(std::string text) : text_(std::move(text)) {}
  bool SerializeToString(std::string* out) const { return *out = "<" + text_ + ">", true; }
  bool ParseFromString(const std::string& in) {
    if (in.size() < 2 || in.front() != '<' || in.back() != '>') return false;
    text_ = in.substr(1, in.size() - 2);
    return true;
  }
  bool operator==(const stamp&) const = default;

 private:
  std::string text_;
};
struct letter {
  stamp on;
  std::vector<stamp> more;
  bool operator==(const letter&) const = default;
};

template <class T>
void check(const T& value) {
  INFO(type_of<T>.name);
  CHECK(round_trip(value) == value);
}
template <class Int>
void check_edges() {
  using edges = std::numeric_limits<Int>;
  for (const Int value : {edges::min(), Int(0), Int(1), Int(edges::max() - 1), edges::max()}) {
    check(value);
    check(std::vector<Int>{value, Int(0), value});
    check(std::optional<Int>(value));
  }
  if constexpr (edges::is_signed) check(Int(-1));
}

TEST_CASE("integers of every width come back the same at their edges") {
  check_edges<std::int8_t>();
  check_edges<std::int16_t>();
  check_edges<std::int32_t>();
  check_edges<std::int64_t>();
  check_edges<std::uint8_t>();
  check_edges<std::uint16_t>();
  check_edges<std::uint32_t>();
  check_edges<std::uint64_t>();
  check_edges<char>();
  check_edges<wchar_t>();
  check_edges<char16_t>();
  check_edges<long long>();
}

TEST_CASE("characters have no sign on the wire, whatever the processor thinks of char") {
  CHECK(hex(encoded(static_cast<char>(0xe9))) == "08 e9 01");
  CHECK(type_of<char>.name == "uint8");
}

TEST_CASE("booleans, enumerations and durations come back the same") {
  check(true);
  check(false);
  check(colour::green);
  check(level::low);
  check(level::high);
  check(old_style::first);
  check(std::chrono::nanoseconds(INT64_MIN));
  check(std::chrono::milliseconds(1500));
  check(std::chrono::duration<std::int16_t>(-7));
  check(std::vector<std::chrono::seconds>{std::chrono::seconds(1), std::chrono::seconds(-1)});
}

template <class Real, class Bits>
void check_reals() {
  using edges = std::numeric_limits<Real>;
  for (const Real value :
       {Real(0), -Real(0), Real(1.5), edges::max(), edges::lowest(), edges::denorm_min(),
        edges::infinity(), -edges::infinity(), edges::quiet_NaN(), -edges::quiet_NaN()}) {
    CHECK(std::bit_cast<Bits>(round_trip(value)) == std::bit_cast<Bits>(value));
    CHECK(std::bit_cast<Bits>(round_trip(std::vector<Real>{0, value}).at(1)) ==
          std::bit_cast<Bits>(value));
  }
}

TEST_CASE("floating point numbers come back bit by bit, with NaN, infinities and minus zero") {
  check_reals<float, std::uint32_t>();
  check_reals<double, std::uint64_t>();
}

TEST_CASE("texts and bytes come back the same, empty, long, with zeros and not UTF-8") {
  check(std::string());
  check(std::string("gr\xc3\xbc\xc3\x9f"));
  check(std::string("\x00\xff\x80", 3));
  check(std::string(1'000'000, 'x'));
  check(std::vector<std::byte>{});
  check(std::vector<std::byte>{std::byte{0}, std::byte{255}});
  check(std::vector<unsigned char>(70'000, 7));
  check(troupe::bytes());
  check(troupe::bytes(std::string(70'000, 'x')));
  check(std::vector<troupe::bytes>{troupe::bytes(), troupe::bytes("a")});
}

TEST_CASE("pids come back through the mapper, and so does the pid of no process") {
  check(pid{0, 0x0123456789abcdef});
  check(pid{3, 1});
  check(pid{});
  check(std::vector<pid>{{1, 2}, {}, {2, UINT64_MAX}});
}

TEST_CASE("an exit reason comes back with its kind, its texts and its own value") {
  internal::mention<own_reason>();
  for (const exit_reason& reason :
       {exit_reason::normal, exit_reason::shutdown, exit_reason::kill, exit_reason::killed,
        exit_reason::noproc, exit_reason::noconnection,
        exit_reason::error("std::logic_error", "no"), exit_reason::of(own_reason{7, "seven"}),
        exit_reason::shutdown_with(own_reason{8, "eight"})})
    CHECK(round_trip(reason) == reason);
  const exit_reason back = round_trip(exit_reason::shutdown_with(own_reason{8, "eight"}));
  CHECK(back.expected());
  REQUIRE(back.get_if<own_reason>() != nullptr);
  CHECK(*back.get_if<own_reason>() == own_reason{8, "eight"});
}

TEST_CASE("an exit reason's value that cannot cross arrives as text") {
  const exit_reason back =
      round_trip(exit_reason::of(closed_reason{std::make_shared<const int>(1)}));
  CHECK(back.what() == exit_reason::kind::user);
  CHECK(back.own_value() == nullptr);
  CHECK_THAT(std::string(back.text()), matchers::ContainsSubstring("closed_reason"));
}

TEST_CASE("an exit reason's value that no receiver here mentions arrives as text that says so") {
  const exit_reason back = round_trip(exit_reason::of(line{}));
  CHECK(back.own_value() == nullptr);
  CHECK_THAT(std::string(back.text()),
             matchers::ContainsSubstring("line, which no receive on this node mentions"));
}

TEST_CASE("an exit reason whose value fills a whole message arrives, with the value as text") {
  internal::mention<own_reason>();
  const limits bounds{.message_bytes = 100'000};
  for (std::size_t size = 99'000; size <= 100'100; size += 50) {
    std::string bytes;
    REQUIRE_FALSE(
        try_encode(exit_reason::of(own_reason{1, std::string(size, 'x')}), bytes, bounds));
    exit_reason back;
    REQUIRE_FALSE(try_decode(bytes, back, bounds));
    CHECK(back.what() == exit_reason::kind::user);
    CHECK((back.get_if<own_reason>() != nullptr || !back.text().empty()));
  }
}

TEST_CASE("records, pairs, tuples and arrays come back the same, nested and empty") {
  check(point{1, -2});
  check(nothing{});
  check(line{{1, 2}, {3, 4}, "a line", {}});
  check(std::pair<std::string, point>("a", {1, 2}));
  check(std::tuple<int, std::string, double>(1, "b", 2.5));
  check(std::tuple<>());
  check(std::array<point, 3>{{{1, 1}, {2, 2}, {3, 3}}});
  check(tree{1, {{2, {{3, {}}, {4, {}}}}, {5, {}}}});
}

TEST_CASE("containers of every kind come back the same, nested and empty") {
  check(std::vector<int>{});
  check(std::vector<int>{1, -1, 0});
  check(std::vector<bool>{true, false, true});
  check(std::list<std::string>{"a", "", "c"});
  check(std::deque<double>{0.5, 1.5});
  check(std::map<std::string, point>{{"a", {1, 2}}, {"b", {}}});
  check(std::set<int>{3, 1, 2});
  check(std::multimap<int, int>{{1, 2}, {1, 3}});
  check(std::unordered_map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check(std::vector<std::vector<int>>{{}, {1, 2}, {}});
  check(std::vector<std::vector<std::vector<std::string>>>{{{}, {"a"}}, {}});
  check(std::vector<std::optional<int>>{1, std::nullopt, 0});
  check(std::map<int, std::map<int, std::set<int>>>{{1, {{2, {3, 4}}}}});
}

TEST_CASE("optionals and unique pointers come back with and without value at every level") {
  check(std::optional<int>());
  check(std::optional<int>(0));
  check(std::optional<std::string>(""));
  check(std::optional<point>(point{}));
  check(std::optional<std::vector<int>>(std::vector<int>{}));
  using twice = std::optional<std::optional<int>>;
  check(twice());
  check(twice(std::optional<int>()));
  check(twice(std::optional<int>(1)));
  CHECK(round_trip(std::unique_ptr<int>()) == nullptr);
  CHECK(*round_trip(std::make_unique<point>(point{1, 2})) == point{1, 2});
  const auto back = round_trip(chain{1, std::make_unique<chain>(chain{2, nullptr})});
  REQUIRE(back.next);
  CHECK(back.next->value == 2);
  CHECK_FALSE(back.next->next);
}

TEST_CASE("a variant comes back with the same alternative, also among equal ones") {
  using some = std::variant<std::monostate, int, std::string, std::vector<int>, int>;
  check(some());
  check(some(std::in_place_index<1>, 7));
  check(some(std::in_place_index<4>, 7));
  check(some("text"));
  check(some(std::vector<int>{}));
  check(some(std::vector<int>{1, 2}));
  check(std::variant<point, std::variant<int, pid>>(std::variant<int, pid>(pid{1, 2})));
  check(std::vector<some>{some("a"), some()});
}

TEST_CASE("a class with bytes of its own crosses in them, alone and as a field") {
  CHECK(encoded(stamp("red")) == "<red>");
  check(stamp("red"));
  check(letter{stamp("a"), {stamp(""), stamp("b")}});
}

TEST_CASE("sequences and optionals that an initialiser fills are empty if they were sent empty") {
  const filled back = round_trip(filled{{}, {}, nullptr, {}, 0});
  CHECK(back.numbers.empty());
  CHECK_FALSE(back.maybe);
  CHECK_FALSE(back.where);
  CHECK(back.table.empty());
  CHECK(back.plain == 0);
}

TEST_CASE("a field that did not arrive keeps the default of its type") {
  CHECK(decoded<filled>("").plain == 5);
  CHECK(decoded<filled>("").numbers.empty());
}

TEST_CASE("encoding appends to what is there") {
  std::string out = "before";
  REQUIRE_FALSE(try_encode(point{1, 0}, out));
  CHECK(out == "before" + encoded(point{1, 0}));
}

}  // namespace
}  // namespace troupe::net::codec_test
