// What the codec refuses, and what it says then; and that both directions keep the same limits.
#include <troupe/exit_reason.hpp>

#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "net/codec_support.hpp"

namespace troupe::net::codec_test {
namespace {

struct point {
  std::int8_t x = 0;
  std::string label;
};
struct path {
  std::vector<point> points;
};
struct closed {
  int before = 0;
  std::shared_ptr<const int> inside;
};
struct deep {
  std::unique_ptr<deep> next;
};
struct unmade {
  explicit unmade(int) {}
  int value = 0;
};
struct roomy {  // much in memory, nothing on the wire
  std::array<std::optional<double>, 100> slots;
};
struct picky {  // its container refuses what is too much
  struct few : std::vector<std::string> {
    iterator insert(const_iterator at, std::string&& value) {
      if (value.size() > 3) throw std::length_error("at most 3 characters");
      return std::vector<std::string>::insert(at, std::move(value));
    }
  };
  few names;
};
struct home {
  pid owner;
};
struct grave {
  exit_reason why;
};

void check(const std::optional<codec_error>& error, cause what, const std::string& text) {
  REQUIRE(error);
  CHECK(error->what == what);
  CHECK_THAT(error->text, matchers::ContainsSubstring(text));
}
template <class T>
void check_decoding(std::string_view bytes, cause what, const std::string& text,
                    const limits& bounds = {}) {
  T value{};
  check(try_decode(unhex(bytes), value, bounds), what, text);
}

TEST_CASE("a value that no format can see into is refused with the way to it, and writes nothing") {
  std::string out = "before";
  check(try_encode(closed{1, nullptr}, out), cause::opaque,
        "closed, field 2: std::shared_ptr<const int> cannot cross to another node, because no "
        "format can see inside it; send the values that it is made of");
  CHECK(out == "before");
  check_decoding<closed>("08 02 12 00", cause::opaque, "field 2");
  check_decoding<std::shared_ptr<const int>>("", cause::opaque, "cannot be decoded");
}

TEST_CASE(
    "pointers that a format cannot take apart are opaque: to bases, to arrays, with deleters") {
  struct base {
    virtual ~base() = default;
    virtual int area() const = 0;
  };
  struct closer {
    void operator()(int* p) const { delete p; }
  };
  STATIC_REQUIRE(type_of<std::unique_ptr<base>>.form == shape::opaque);
  STATIC_REQUIRE(type_of<std::unique_ptr<int[]>>.form == shape::opaque);
  STATIC_REQUIRE(type_of<std::unique_ptr<int, closer>>.form == shape::opaque);
  STATIC_REQUIRE(type_of<std::unique_ptr<int>>.form == shape::optional);
}

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(throws_when_moved&&) { throw 1; }
  throws_when_moved& operator=(throws_when_moved&&) { throw 1; }
};

TEST_CASE("a variant that an exception left without value is refused") {
  std::variant<int, throws_when_moved> broken;
  try {
    broken = throws_when_moved();
  } catch (int) {
  }
  std::string out;
  check(try_encode(broken, out), cause::empty_choice, "holds no value");
}

TEST_CASE("a variant that arrives without alternative, or with an unknown one, is refused") {
  using either = std::variant<int, std::string>;
  check_decoding<either>("", cause::empty_choice, "has no alternative that is known here");
  check_decoding<either>("18 01", cause::empty_choice, "has no alternative that is known here");
}

TEST_CASE("a part that cannot be made from nothing is refused where it arrives") {
  std::variant<int, unmade> value;
  check(try_decode(unhex("12 00"), value), cause::not_default_constructible,
        "unmade has no default constructor, so there is nothing to decode into");
  check_decoding<std::vector<unmade>>("0a 00", cause::not_default_constructible, "field 1");
}

TEST_CASE("bytes that are no protobuf message are refused with the field where they break") {
  check_decoding<point>("08", cause::malformed, "point, field 1: int8 is cut off");
  check_decoding<point>("08 ff ff ff ff ff ff ff ff ff ff 01", cause::malformed,
                        "is cut off, or longer than 10 bytes");
  check_decoding<point>("12 05 61", cause::malformed,
                        "point, field 2: string is longer than the message around it");
  check_decoding<point>("12 ff ff ff ff 7f", cause::malformed, "has a broken length");
  check_decoding<point>("00", cause::malformed, "has a field without a number");
  check_decoding<point>("80", cause::malformed, "has a field without a number");
  check_decoding<point>("1c", cause::malformed,
                        "has an unknown field that is cut off");  // end group
  check_decoding<point>("1e 00", cause::malformed,
                        "has an unknown field that is cut off");  // type 6
  check_decoding<point>("1b 08 01", cause::malformed, "has an unknown field that is cut off");
  check_decoding<path>("0a 04 12 05 61 62", cause::malformed,
                       "path, field 1: troupe::net::codec_test::point, field 2: "
                       "string is longer than the message around it");
  check_decoding<std::vector<float>>("0a 03 00 00 00", cause::malformed, "float is cut off");
  check_decoding<home>("0a 01 08", cause::malformed, "is no pid on the wire");
  check_decoding<grave>("0a 01 08", cause::malformed, "is no exit reason on the wire");
  check_decoding<grave>(
      "0a 86 20 08 07 12 81 20" +
          [] {
            std::string text;
            for (std::size_t i = 0; i <= max_text_bytes; ++i) text += " 61";
            return text;
          }(),
      cause::malformed, "has a text of more than 4096 bytes");
}

TEST_CASE("a field that arrives as another kind of value is refused") {
  check_decoding<point>(
      "0a 01 61", cause::wrong_wire_type,
      "point, field 1: int8 has wire type 0 here and arrived as 2: the nodes have "
      "different versions of the message");
  check_decoding<std::vector<double>>("0d 00 00 00 00", cause::wrong_wire_type, "double");
  check_decoding<std::vector<std::string>>("08 01", cause::wrong_wire_type, "string");
  check_decoding<std::optional<int>>("0a 01 02", cause::wrong_wire_type, "int32");
}

TEST_CASE("a number that its type cannot hold is refused") {
  check_decoding<std::int8_t>("08 80 02", cause::out_of_range,  // 128
                              "int8 cannot hold the number that arrived");
  check_decoding<std::int8_t>("08 81 02", cause::out_of_range, "int8");  // -129
  check_decoding<std::uint16_t>("08 80 80 04", cause::out_of_range, "uint16");
  check_decoding<std::uint32_t>("08 80 80 80 80 10", cause::out_of_range, "uint32");
  check_decoding<bool>("08 02", cause::out_of_range, "bool");
  check_decoding<std::vector<std::int32_t>>("0a 05 80 80 80 80 20", cause::out_of_range, "int32");
}

TEST_CASE("a pid of a node that was not defined is refused") {
  check_decoding<home>("0a 0b 08 0a 11 01 00 00 00 00 00 00 00", cause::unknown_node,
                       "is on node number 10, which was not defined");
}

TEST_CASE("an exit reason of an unknown kind, or of none, is refused") {
  check_decoding<grave>("0a 02 08 09", cause::unknown_reason, "is of a kind that is unknown here");
  check_decoding<grave>("0a 00", cause::unknown_reason, "is of a kind that is unknown here");
}

TEST_CASE("an exception of a type's own function is an error with its text, in both directions") {
  std::string bytes;
  REQUIRE_FALSE(try_encode(std::vector<std::string>{"long"}, bytes));
  std::string nested = "0a 04 6c 6f 6e 67";
  picky value;
  check(try_decode(bytes, value.names), cause::threw, "threw: at most 3 characters");
  check_decoding<picky>(nested, cause::threw, "picky threw: at most 3 characters");
}

deep chain_of(int messages) {
  deep top;
  for (int i = 0; i < messages; ++i) {
    auto next = std::make_unique<deep>();
    next->next = std::move(top.next);
    top.next = std::move(next);
  }
  return top;
}

TEST_CASE("as many messages nested as are allowed cross, and one more is refused at both ends") {
  deep back;
  std::string bytes;
  REQUIRE_FALSE(try_encode(chain_of(max_message_nesting), bytes));
  REQUIRE_FALSE(try_decode(bytes, back));
  // By hand one deeper: a message with this one as its field 1.
  std::string deeper = {'\x0a', static_cast<char>(bytes.size())};
  check(try_decode(deeper + bytes, back), cause::too_deep, "is nested deeper than 32 messages");
  bytes.clear();
  check(try_encode(chain_of(max_message_nesting + 1), bytes), cause::too_deep,
        "is nested deeper than 32 messages; send a sequence in the place of a chain");
  CHECK(bytes.empty());
}

// Whether the value crosses; the two ends must be of one mind.
template <class T>
bool crosses(const T& value, const limits& bounds) {
  std::string bytes;
  if (const auto error = try_encode(value, bytes, bounds)) {
    CHECK(error->what == cause::too_large);
    CHECK_THAT(error->text, matchers::ContainsSubstring("raise max_message_bytes on all nodes"));
    return false;
  }
  T back{};
  const auto error = try_decode(bytes, back, bounds);
  INFO(text_of(error));
  REQUIRE_FALSE(error);
  return true;
}

// Of a size that grows, what is below a limit crosses and what is above does not.
template <class Make>
void check_limit(Make make, std::size_t from, std::size_t to, std::size_t step) {
  const limits bounds{.message_bytes = 200'000};
  REQUIRE(crosses(make(from), bounds));
  REQUIRE_FALSE(crosses(make(to), bounds));
  bool before = true;
  for (std::size_t size = from; size <= to; size += step) {
    const bool now = crosses(make(size), bounds);
    CHECK((before || !now));
    before = now;
  }
}

TEST_CASE("what the sender's limits let through, the receiver's let through") {
  using std::string;
  check_limit([](std::size_t n) { return string(n, 'x'); }, 199'980, 200'010, 1);
  check_limit([](std::size_t n) { return std::vector<string>(n, "ab"); }, 49'900, 50'100, 50);
  check_limit([](std::size_t n) { return std::vector<double>(n); }, 24'990, 25'010, 1);
  // 1600 bytes each, and 8; 64 MiB in all.
  check_limit([](std::size_t n) { return std::vector<roomy>(n); }, 41'720, 41'745, 12);
}

TEST_CASE("a message above its longest is refused before it is looked at") {
  std::string value;
  check(try_decode(std::string(1001, '\xff'), value, limits{.message_bytes = 1000}),
        cause::too_large, "above the 1000 bytes that one may have");
}

}  // namespace
}  // namespace troupe::net::codec_test
