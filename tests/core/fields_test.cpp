#include "core/support.hpp"

#include <any>
#include <functional>
#include <optional>

using namespace troupe_test;
using troupe::type_of;

namespace {

struct sixteen {
  int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
  int i = 9, j = 10, k = 11, l = 12, m = 13, n = 14, o = 15;
  std::string p = "16";
};
struct seventeen {
  int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
  int i = 9, j = 10, k = 11, l = 12, m = 13, n = 14, o = 15;
  std::string p = "16";
  double q = 17;
};

class given {  // by whoever makes it: there is none without a value
 public:
  explicit given(int value) : value_(value) {}
  [[nodiscard]] int value() const { return value_; }

 private:
  int value_;
};
struct inner {
  int number = 0;
  std::string text;
};
struct empty {};
struct of_many_kinds {
  std::unique_ptr<inner> owned;
  given last;
  inner nested;
  empty nothing;
  const int fixed = 3;
};
struct takes_anything {
  std::any value;
  std::function<void()> function;
  std::optional<std::chrono::seconds> time;
};
struct tree {
  int value = 0;
  std::vector<tree> children;
};
struct inherits : inner {
  int more = 0;
};

}  // namespace

TEST_CASE("each field of a record is found by its index, however many there are") {
  sixteen few;
  seventeen more;
  const troupe::type_info& narrow = type_of<sixteen>;
  const troupe::type_info& wide = type_of<seventeen>;
  REQUIRE(narrow.parts.size() == 16);
  REQUIRE(wide.parts.size() == 17);
  for (std::size_t i = 0; i < 15; ++i) {
    CHECK(narrow.parts[i] == &type_of<int>);
    CHECK(*static_cast<int*>(narrow.part(&few, i)) == static_cast<int>(i) + 1);
    CHECK(*static_cast<int*>(wide.part(&more, i)) == static_cast<int>(i) + 1);
  }
  CHECK(narrow.parts[15] == &type_of<std::string>);
  CHECK(narrow.part(&few, 15) == &few.p);
  CHECK(wide.part(&more, 15) == &more.p);
  CHECK(wide.parts[16] == &type_of<double>);
  CHECK(wide.part(&more, 16) == &more.q);
}

TEST_CASE("fields that only move, have no default, are constant, empty or nested are each one") {
  of_many_kinds all{std::make_unique<inner>(), given(2), {1, "one"}, {}};
  const troupe::type_info& info = type_of<of_many_kinds>;
  REQUIRE(info.parts.size() == 5);
  CHECK(info.part(&all, 0) == &all.owned);
  CHECK(info.part(&all, 1) == &all.last);
  CHECK(all.last.value() == 2);
  CHECK(info.parts[2] == &type_of<inner>);
  CHECK(info.part(&all, 2) == &all.nested);
  CHECK(info.part(&all, 3) == &all.nothing);
  CHECK(info.parts[4] == &type_of<int>);
  CHECK(info.part(&all, 4) == &all.fixed);
}

TEST_CASE("a field that takes anything is a field, and no base class") {
  CHECK(type_of<takes_anything>.form == troupe::shape::record);
  CHECK(type_of<takes_anything>.parts.size() == 3);
  CHECK(troupe::message::of(takes_anything{1, [] {}, std::chrono::seconds(1)}));
}

TEST_CASE("no format sees inside an aggregate that inherits") {
  CHECK(type_of<inherits>.form == troupe::shape::opaque);
}

TEST_CASE("a record may hold itself") {
  const tree grown{1, {{2, {}}, {3, {{4, {}}}}}};
  CHECK(troupe::to_text(grown) == "tree{1, [tree{2, []}, tree{3, [tree{4, []}]}]}");
  CHECK(troupe::message::of(tree{}));
  troupe::internal::check_sendable<tree>();
}
