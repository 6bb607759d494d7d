#include <troupe/net/proto.hpp>

#include <troupe/exit_reason.hpp>

#include <google/protobuf/wrappers.pb.h>

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "net/codec_support.hpp"
#include "net/protobuf_support.hpp"

namespace play {
struct add {
  std::string song;
  int by = 1;
};
struct nothing {};
struct tree {
  int value = 0;
  std::vector<tree> children;
  std::unique_ptr<tree> parent;
};
struct all {
  bool flag;
  std::int8_t small;
  std::uint64_t huge;
  float half;
  std::chrono::nanoseconds time;
  std::vector<std::byte> data;
  add one;
  std::vector<int> numbers;
  std::map<std::string, add> table;
  std::optional<int> maybe;
  std::optional<add> perhaps;
  std::variant<std::monostate, int, std::vector<int>, add> choice;
  std::vector<std::list<int>> lists;
  std::vector<std::vector<int>> vectors;
  std::optional<std::optional<int>> twice;
  std::array<double, 2> pair;
  troupe::pid process;
  troupe::exit_reason why;
  google::protobuf::StringValue made;
};
struct closed {
  std::vector<std::shared_ptr<const int>> inside;
};
}  // namespace play
namespace play::add_x {
struct z {};
}  // namespace play::add_x
namespace play_add_x {
struct z {};
}  // namespace play_add_x
// Words of the .proto language.
struct string {
  int value;
};
struct message {
  string text;
  std::vector<string> option;
};

namespace troupe::net::codec_test {
namespace {

TEST_CASE("a message type has a .proto text to read") {
  CHECK(proto_of<play::add>() == R"(// How troupe's nodes encode play::add.
syntax = "proto3";

// play::add
message play_add {
  optional string field_1 = 1;
  optional sint32 field_2 = 2;
}
)");
}

TEST_CASE("Protocol Buffers reads what was encoded, by the .proto text of its type") {
  schema file(proto_of<play::all>());
  play::all value{};
  value.flag = true;
  value.small = -3;
  value.huge = UINT64_MAX;
  value.half = 1.5f;
  value.time = std::chrono::nanoseconds(-7);
  value.data = {std::byte{65}};
  value.one = {"song", 2};
  value.numbers = {1, -1};
  value.table["k"] = {"v", 3};
  value.maybe = 0;
  value.perhaps = play::add{"", 0};
  value.choice = std::vector<int>{4};
  value.lists = {{}, {5}};
  value.vectors = {{6}};
  value.twice.emplace(7);
  value.pair = {0.5, -1};
  value.process = {1, 8};
  value.why = exit_reason::error("type", "text");
  value.made.set_value("protoc");
  CHECK(file.text("play_all", encoded(value)) ==
        "field_1: true field_2: -3 field_3: 18446744073709551615 field_4: 1.5 field_5: -7 "
        "field_6: \"A\" field_7 { field_1: \"song\" field_2: 2 } field_8: 1 field_8: -1 "
        "field_9 { field_1: \"k\" field_2 { field_1: \"v\" field_2: 3 } } field_10: 0 "
        "field_11 { field_1: \"\" field_2: 0 } field_12 { field_3 { field_1: 4 } } "
        "field_13 { } field_13 { field_1: 5 } field_14 { field_1: 6 } field_15 { field_1: 7 } "
        "field_16 { field_1: 0.5 field_2: -1 } field_17 { node: 1 id: 8 } "
        "field_18 { kind: error text: \"text\" error_type: \"type\" } "
        "field_19 { value: \"protoc\" }");
}

TEST_CASE("what another program writes by the .proto text is decoded, and zeros are not lost") {
  schema file(proto_of<play::add>());
  const auto by = [&](const std::string& text) {
    return decoded<play::add>(file.make("play_add", text)->SerializeAsString()).by;
  };
  CHECK(by("field_2: 5") == 5);
  CHECK(by("field_2: 0") == 0);
  CHECK(by("field_1: \"a\"") == 1);
}

TEST_CASE("a type that holds itself has a .proto text that does") {
  schema file(proto_of<play::tree>());
  play::tree value{1, {}, nullptr};
  value.children.push_back({2, {}, nullptr});
  value.parent = std::make_unique<play::tree>();
  CHECK(file.text("play_tree", encoded(value)) ==
        "field_1: 1 field_2 { field_1: 2 } field_3 { field_1: 0 }");
}

TEST_CASE("a message that is no record has a .proto text with one field") {
  CHECK(schema(proto_of<int>()).text("int32_value", encoded(-5)) == "field_1: -5");
  CHECK(schema(proto_of<std::vector<play::add>>())
            .text("play_add_list", encoded(std::vector<play::add>{{"a", 0}})) ==
        "field_1 { field_1: \"a\" field_2: 0 }");
  CHECK(schema(proto_of<std::optional<int>>())
            .text("int32_optional", encoded(std::optional<int>(0))) == "field_1: 0");
  CHECK(schema(proto_of<play::nothing>()).text("play_nothing", "").empty());
  CHECK(schema(proto_of<pid>()).text("troupe_pid", encoded(pid{1, 2})) == "node: 1 id: 2");
  CHECK(schema(proto_of<exit_reason>()).text("troupe_exit_reason", encoded(exit_reason::killed)) ==
        "kind: killed");
}

TEST_CASE("a class made by protoc is imported from its own .proto file") {
  CHECK(proto_of<google::protobuf::StringValue>() ==
        "// How troupe's nodes encode google::protobuf::StringValue.\n"
        "// The message is google.protobuf.StringValue.\n"
        "syntax = \"proto3\";\n\nimport \"google/protobuf/wrappers.proto\";\n");
}

TEST_CASE("types whose names are the same word, or words of the language, are told apart") {
  using both = std::pair<play::add_x::z, play_add_x::z>;
  const std::string text = proto_of<both>();
  schema file(text);
  CHECK_THAT(text, matchers::ContainsSubstring("message play_add_x_z {"));
  CHECK_THAT(text, matchers::ContainsSubstring("message play_add_x_z_2 {"));
  schema words(proto_of<::message>());
  CHECK(words.text("message", encoded(::message{{1}, {{2}}})) ==
        "field_1 { field_1: 1 } field_2 { field_1: 2 }");
}

TEST_CASE("a type that cannot cross the network has no .proto text, and is told why") {
  CHECK_THROWS_WITH((void)proto_of<play::closed>(),
                    matchers::StartsWith("play::closed: std::shared_ptr<const int> cannot cross"));
  const std::vector<const type_info*> many(19'000, &type_of<int>);
  type_info wide = type_of<play::add>;
  wide.parts = many;
  CHECK_THROWS_WITH((void)internal::proto_text(wide),
                    matchers::ContainsSubstring("has more than 18999 fields"));
}

}  // namespace
}  // namespace troupe::net::codec_test
