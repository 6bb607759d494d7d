// That the codec's bytes are Protocol Buffers' own, in both directions.
#include <troupe/exit_reason.hpp>

#include <google/protobuf/wrappers.pb.h>

#include <chrono>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "net/codec_support.hpp"
#include "net/protobuf_support.hpp"
#include "troupe/frame.pb.h"

namespace troupe::net::codec_test {
namespace {

struct inner {
  std::int32_t x = 0;
  std::string label;
  bool operator==(const inner&) const = default;
};
struct everything {
  bool flag = false;
  std::int8_t small = 0;
  std::int64_t big = 0;
  std::uint16_t port = 0;
  std::uint64_t huge = 0;
  float half = 0;
  double whole = 0;
  std::string text;
  std::vector<std::byte> data;
  inner one;
  std::vector<std::int32_t> numbers;
  std::vector<double> reals;
  std::vector<inner> many;
  std::map<std::string, std::int32_t> table;
  std::optional<std::int32_t> maybe;
  std::optional<inner> perhaps;
  std::variant<std::string, std::int32_t, inner> choice;
  std::vector<std::vector<std::uint32_t>> nested;
  std::chrono::milliseconds time{};
  pid process;
  std::vector<std::string> words;
  bool operator==(const everything&) const = default;
};
const std::string proto = R"(
  syntax = "proto3";
  message inner { optional sint32 x = 1; optional string label = 2; }
  message choice { oneof value { string text = 1; sint32 number = 2; inner record = 3; } }
  message list { repeated uint32 items = 1; }
  message pid { uint32 node = 1; fixed64 id = 2; }
  message everything {
    optional bool flag = 1;
    optional sint32 small = 2;
    optional sint64 big = 3;
    optional uint32 port = 4;
    optional uint64 huge = 5;
    optional float half = 6;
    optional double whole = 7;
    optional string text = 8;
    optional bytes data = 9;
    inner one = 10;
    repeated sint32 numbers = 11;
    repeated double reals = 12;
    repeated inner many = 13;
    map<string, sint32> table = 14;
    optional sint32 maybe = 15;
    optional inner perhaps = 16;
    choice one_of = 17;
    repeated list nested = 18;
    optional sint64 time = 19;
    pid process = 20;
    repeated string words = 21;
  }
  message unpacked {
    repeated sint32 numbers = 11 [packed = false];
    repeated double reals = 12 [packed = false];
  }
  message later {
    inner one = 10;
    repeated sint32 numbers = 11;
    string fresh = 40; double real = 41; float f = 42; repeated inner more = 43;
  }
)";
const everything value = {.flag = true,
                          .small = -128,
                          .big = INT64_MIN,
                          .port = 65535,
                          .huge = UINT64_MAX,
                          .half = 1.5f,
                          .whole = -2.25,
                          .text = "gr\xc3\xbc\xc3\x9f",
                          .data = {std::byte{0}, std::byte{255}},
                          .one = {-5, "five"},
                          .numbers = {1, -1, 0, INT32_MAX, INT32_MIN},
                          .reals = {0.5, -0.0},
                          .many = {{1, "a"}, {0, ""}},
                          .table = {{"a", 1}, {"b", -2}},
                          .maybe = 0,
                          .perhaps = inner{},
                          .choice = inner{3, "c"},
                          .nested = {{}, {1, 300}},
                          .time = std::chrono::milliseconds(-1500),
                          .process = {2, 77},
                          .words = {"", "w"}};
const std::string text = R"(
  flag: true small: -128 big: -9223372036854775808 port: 65535 huge: 18446744073709551615
  half: 1.5 whole: -2.25 text: "grüß" data: "\000\377" one { x: -5 label: "five" }
  numbers: [1, -1, 0, 2147483647, -2147483648] reals: [0.5, -0]
  many { x: 1 label: "a" } many { x: 0 label: "" }
  table { key: "a" value: 1 } table { key: "b" value: -2 } maybe: 0 perhaps { x: 0 label: "" }
  one_of { record { x: 3 label: "c" } } nested {} nested { items: [1, 300] } time: -1500
  process { node: 2 id: 77 } words: "" words: "w"
)";

// With the entries of maps in order, so that bytes can be compared.
std::string serialized(const google::protobuf::Message& message) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  REQUIRE(message.SerializeToCodedStream(&coded));
  coded.Trim();
  return out;
}

TEST_CASE("the bytes of a message are those that Protocol Buffers writes for it") {
  schema file(proto);
  CHECK(hex(encoded(value)) == hex(serialized(*file.make("everything", text))));
}

TEST_CASE("Protocol Buffers reads what was encoded, and finds no unknown field") {
  schema file(proto);
  const auto message = file.parse("everything", encoded(value));
  CHECK(message->DebugString() == file.make("everything", text)->DebugString());
}

TEST_CASE("what Protocol Buffers writes is decoded to the same value") {
  schema file(proto);
  CHECK(decoded<everything>(serialized(*file.make("everything", text))) == value);
}

TEST_CASE("numbers that were not packed are decoded as those that were, and a mix of both") {
  schema file(proto);
  const std::string apart = serialized(*file.make("unpacked", "numbers: [1, -1, 0] reals: [0.5]"));
  CHECK(decoded<everything>(apart).numbers == std::vector<std::int32_t>{1, -1, 0});
  CHECK(decoded<everything>(apart).reals == std::vector<double>{0.5});
  const std::string packed = serialized(*file.make("everything", "numbers: [7, 8]"));
  CHECK(decoded<everything>(packed + apart).numbers == std::vector<std::int32_t>{7, 8, 1, -1, 0});
}

TEST_CASE("fields that the type does not have are skipped, of every wire type and in groups") {
  schema file(proto);
  const everything back = decoded<everything>(serialized(*file.make(
      "later",
      R"(one { x: 1 label: "a" } numbers: [1] fresh: "new" real: 1.5 f: 2 more { x: 1 })")));
  CHECK(back.one == inner{1, "a"});
  CHECK(back.numbers == std::vector<std::int32_t>{1});
  // Group 100 with a varint, a text and a group 101 in it; then field 1.
  CHECK(decoded<inner>(unhex("a3 06 08 01 12 01 61 ab 06 ac 06 a4 06 08 04")).x == 2);
}

TEST_CASE("fields are decoded in whatever order they come, elements of a sequence in theirs") {
  schema file(proto);
  std::string reversed;
  for (const char* part :
       {R"(words: "b")", R"(text: "t")", "flag: true", R"(words: "c")", "big: -4"})
    reversed += serialized(*file.make("everything", part));
  const everything back = decoded<everything>(reversed);
  CHECK(back.words == std::vector<std::string>{"b", "c"});
  CHECK(back.text == "t");
  CHECK(back.flag);
  CHECK(back.big == -4);
}

TEST_CASE("of a field that comes twice, the last one counts") {
  schema file(proto);
  const std::string twice = serialized(*file.make("everything", R"(big: 1 one_of { text: "a" })")) +
                            serialized(*file.make("everything", "big: 2 one_of { number: 5 }"));
  CHECK(decoded<everything>(twice).big == 2);
  CHECK(decoded<everything>(twice).choice == decltype(everything::choice)(5));
}

TEST_CASE("a message that is one number, text or sequence is a message with one field") {
  schema file(R"(syntax = "proto3";
    message number { sint32 value = 1; }
    message words { repeated string value = 1; }
    message maybe { optional sint32 value = 1; }
    message twice { maybe value = 1; })");
  CHECK(file.text("number", encoded(-7)) == "value: -7");
  CHECK(file.text("words", encoded(std::vector<std::string>{"a", ""})) ==
        R"(value: "a" value: "")");
  CHECK(file.text("maybe", encoded(std::optional<int>(0))) == "value: 0");
  CHECK(file.text("maybe", encoded(std::optional<int>())).empty());
  CHECK(file.text("twice", encoded(std::optional<std::optional<int>>(std::optional<int>(3)))) ==
        "value { value: 3 }");
}

TEST_CASE("pids and exit reasons are the messages of frame.proto") {
  wire::pid process;
  REQUIRE(process.ParseFromString(encoded(pid{3, 42})));
  CHECK(process.node() == 3);
  CHECK(process.id() == 42);
  wire::exit_reason reason;
  REQUIRE(reason.ParseFromString(encoded(exit_reason::error("std::logic_error", "why"))));
  CHECK(reason.kind() == wire::exit_reason::error);
  CHECK(reason.error_type() == "std::logic_error");
  CHECK(reason.text() == "why");
  REQUIRE(reason.ParseFromString(encoded(exit_reason::of(inner{1, "a"}))));
  CHECK(reason.kind() == wire::exit_reason::user);
  CHECK(reason.value_type() == type_of<inner>.name);
  CHECK(decoded<inner>(reason.value()) == inner{1, "a"});
}

TEST_CASE("a class made by protoc crosses in its own bytes, alone and as a field") {
  google::protobuf::StringValue made;
  made.set_value("protoc");
  CHECK(type_of<google::protobuf::StringValue>.form == shape::foreign);
  CHECK(encoded(made) == made.SerializeAsString());
  CHECK(round_trip(made).value() == "protoc");
  const auto back = round_trip(std::vector<google::protobuf::StringValue>{made, {}});
  REQUIRE(back.size() == 2);
  CHECK(back[0].value() == "protoc");
  CHECK(back[1].value().empty());
}

}  // namespace
}  // namespace troupe::net::codec_test
