#include "core/support.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

using namespace troupe_test;
using troupe::message_kind;
using troupe::shape;
using troupe::type_of;

namespace shop {

enum class color : std::uint8_t { red = 1, green = 2 };
struct item {
  std::string name;
  int price = 0;
};
struct order {
  std::vector<item> items;
  std::optional<item> gift;
  std::variant<int, std::string> note;
  std::map<std::string, double> weights;
  std::pair<bool, color> flags;
  troupe::pid customer;
};
struct nothing_inside {};

struct first_of_two {
  static constexpr std::string_view type_name = "shop.shared_name";
};
struct second_of_two {
  static constexpr std::string_view type_name = "shop.shared_name";
};
struct named {
  static constexpr std::string_view type_name = "shop.named";
  int value = 0;
};
struct question {
  using reply = int;
};
struct never_received {};
struct without_default {
  explicit without_default(int v) : value(v) {}
  int value;
};

}  // namespace shop

namespace {

struct hidden {
  int value = 0;
};

}  // namespace

TEST_CASE("a value is printed by its fields, down to the innermost") {
  shop::order o;
  o.items = {{"hat", 3}, {"bag", 4}};
  o.gift = shop::item{"pen", 1};
  o.note = "quick";
  o.weights = {{"hat", 0.5}};
  o.flags = {true, shop::color::green};
  o.customer = {0, (std::uint64_t{3} << 32) | 7};
  CHECK_THAT(troupe::to_text(o),
             matchers::StartsWith("shop::order{[shop::item{\"hat\", 3}, shop::item{\"bag\", 4}], "
                                  "[shop::item{\"pen\", 1}], \"quick\", ["));
  CHECK_THAT(troupe::to_text(o), matchers::ContainsSubstring("{\"hat\", 0.5}"));
  CHECK_THAT(troupe::to_text(o), matchers::EndsWith("{true, 2}, <0.7.3>}"));
}

TEST_CASE("text of single values is exact at the edges of their types") {
  CHECK(troupe::to_text(std::int64_t{INT64_MIN}) == "-9223372036854775808");
  CHECK(troupe::to_text(std::uint64_t{UINT64_MAX}) == "18446744073709551615");
  CHECK(troupe::to_text(std::int8_t{-128}) == "-128");
  CHECK(troupe::to_text(std::uint8_t{255}) == "255");
  CHECK(troupe::to_text(true) == "true");
  CHECK(troupe::to_text(std::string()) == "\"\"");
  CHECK(troupe::to_text(std::vector<std::byte>(3)) == "<3 bytes>");
  CHECK(troupe::to_text(std::optional<int>()) == "[]");
  CHECK(troupe::to_text(std::vector<bool>{true, false}) == "[true, false]");
  CHECK(troupe::to_text(std::array<int, 2>{1, 2}) == "std::array<int, 2>{1, 2}");
  CHECK(troupe::to_text(shop::nothing_inside{}) == "shop::nothing_inside{}");
  CHECK(troupe::to_text(std::chrono::seconds(5)) == "5");
  CHECK(troupe::to_text(troupe::exit_reason::noproc) == "noproc");
  CHECK(troupe::to_text(troupe::pid{}) == "<none>");
}

TEST_CASE("type names are those of the source, without the compiler's additions") {
  CHECK(type_of<shop::item>.name == "shop::item");
  CHECK(type_of<hidden>.name == "hidden");
  CHECK(type_of<shop::named>.name == "shop.named");
  CHECK(type_of<std::string>.name == "string");
  CHECK(type_of<int>.name == "int32");
  CHECK(type_of<long>.name == type_of<long long>.name);
  CHECK(type_of<unsigned char>.name == "uint8");
  // Nodes built by different compilers answer each other with the runtime's own types, too.
  CHECK(type_of<troupe::internal::nothing>.name == "troupe::internal::nothing");
  CHECK(type_of<troupe::down>.name == "troupe::down");
}

TEST_CASE("each kind of type has the shape that formats go by") {
  CHECK(type_of<bool>.form == shape::boolean);
  CHECK(type_of<shop::color>.form == shape::unsigned_integer);
  CHECK(type_of<double>.form == shape::real);
  CHECK(type_of<std::vector<std::byte>>.form == shape::bytes);
  CHECK(type_of<std::vector<unsigned char>>.form == shape::bytes);
  CHECK(type_of<std::set<int>>.form == shape::sequence);
  CHECK(type_of<std::deque<int>>.form == shape::sequence);
  CHECK(type_of<std::unique_ptr<shop::item>>.form == shape::optional);
  CHECK(type_of<std::variant<int, bool>>.form == shape::choice);
  CHECK(type_of<std::tuple<int, bool>>.form == shape::record);
  CHECK(type_of<shop::without_default>.form == shape::opaque);
  CHECK(type_of<shop::without_default>.construct == nullptr);
  CHECK(type_of<shop::order>.parts.size() == 6);
}

TEST_CASE("a value can be filled through its table alone") {
  shop::order o;
  const troupe::type_info& info = type_of<shop::order>;
  const troupe::type_info& items = *info.parts[0];
  shop::item made{"cup", 9};
  items.insert(info.part(&o, 0), &made);
  info.parts[2]->select(info.part(&o, 2), 1);
  const std::string_view text = "by hand";
  info.parts[2]->parts[1]->assign(info.parts[2]->part(info.part(&o, 2), 1),
                                  std::as_bytes(std::span(text.data(), text.size())));
  std::pair<std::string, double> weight{"cup", 1.5};
  info.parts[3]->insert(info.part(&o, 3), &weight);
  REQUIRE(o.items.size() == 1);
  CHECK(o.items[0].name == "cup");
  CHECK(std::get<std::string>(o.note) == "by hand");
  CHECK(o.weights.at("cup") == 1.5);
  CHECK(items.count(&o.items) == 1);
}

TEST_CASE("a type that a receiver mentions is found by its name, and no other is") {
  auto receiver = [](troupe::context self) -> troupe::process {
    co_await self.receive([](shop::named) {},
                          [](troupe::request<shop::question> r) { r.reply(1); });
  };
  (void)receiver;
  const auto named = troupe::find_message_type(message_kind::value, "shop.named");
  REQUIRE(named.type != nullptr);
  CHECK(named.type == &troupe::message_type_of<shop::named>);
  CHECK(troupe::find_message_type(message_kind::request, "shop::question").type ==
        &troupe::message_type_of<troupe::request<shop::question>>);
  CHECK(troupe::find_message_type(message_kind::value, "shop::question").type == nullptr);
  const auto unknown = troupe::find_message_type(message_kind::value, "shop::never_received");
  CHECK(unknown.type == nullptr);
  CHECK(!unknown.ambiguous);
}

TEST_CASE("a name that two types share is ambiguous and finds neither") {
  auto receiver = [](troupe::context self) -> troupe::process {
    co_await self.receive([](shop::first_of_two) {}, [](shop::second_of_two) {});
  };
  (void)receiver;
  const auto found = troupe::find_message_type(message_kind::value, "shop.shared_name");
  CHECK(found.type == nullptr);
  CHECK(found.ambiguous);
}

TEST_CASE("a message owns its value: it moves, and destroys the value once") {
  std::atomic<int> living{0};
  {
    troupe::message a = troupe::message::of(tracked(living));
    CHECK(living == 1);
    troupe::message b = std::move(a);
    CHECK(!a);
    REQUIRE(b.get_if<tracked>() != nullptr);
    CHECK(b.get_if<int>() == nullptr);
    a = troupe::message::of(tracked(living));
    CHECK(living == 2);
    a = std::move(b);
    CHECK(a);
  }
  CHECK(living == 0);
}

TEST_CASE("a blank message of a type is made from its table") {
  troupe::message blank = troupe::message::blank(troupe::message_type_of<shop::item>);
  REQUIRE(blank.get_if<shop::item>() != nullptr);
  CHECK(blank.name() == "shop::item");
  CHECK(blank.get_if<shop::item>()->price == 0);
}

TEST_CASE("a value whose move throws does not leak the message that was to hold it") {
  struct refuses {
    refuses() = default;
    refuses(refuses&&) noexcept(false) { throw std::runtime_error("stays"); }
  };
  CHECK_THROWS_WITH(troupe::internal::make_node<refuses>(refuses()), "stays");
}

TEST_CASE("exit reasons compare by kind, text and value") {
  using troupe::exit_reason;
  CHECK(exit_reason::of(5) == exit_reason::of(5));
  CHECK(!(exit_reason::of(5) == exit_reason::of(6)));
  CHECK(!(exit_reason::of(5) == exit_reason::of(5L)));
  CHECK(!(exit_reason::of(5) == exit_reason::shutdown_with(5)));
  CHECK(exit_reason::error("a", "b") == exit_reason::error("a", "b"));
  CHECK(!(exit_reason::error("a", "b") == exit_reason::error("a", "c")));
  CHECK(!(exit_reason::shutdown == exit_reason::shutdown_with(5)));
  const exit_reason own = exit_reason::of(shop::item{"x", 1});  // has no ==
  const exit_reason copy = own;
  CHECK(own == copy);
  CHECK(!(own == exit_reason::of(shop::item{"x", 1})));
  CHECK(to_string(own) == "shop::item{\"x\", 1}");
  CHECK(to_string(exit_reason::shutdown_with(5)) == "shutdown 5");
  CHECK(to_string(exit_reason::error("std::runtime_error", "disk full")) ==
        "error std::runtime_error: disk full");
  REQUIRE(own.get_if<shop::item>() != nullptr);
  CHECK(own.get_if<shop::item>()->price == 1);
  CHECK(own.get_if<int>() == nullptr);
}
