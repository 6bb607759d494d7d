#include <troupe/multi_call.hpp>

#include "core/support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::destination;
using troupe::exit_reason;
using troupe::messages;
using troupe::pid;
using troupe::task;

namespace {

struct square {
  using reply = int;
  int of;
};
struct nothing_to_say {
  using reply = void;
};

class answers : public troupe::server {
 public:
  using handles = messages<square, nothing_to_say>;
  explicit answers(int plus) : plus_(plus) {}
  int handle(square s) { return s.of * s.of + plus_; }
  void handle(nothing_to_say) {}

 private:
  int plus_;
};
class keeps_silent : public troupe::server {
 public:
  using handles = messages<square>;
  void handle(troupe::request<square> r) { kept_.push_back(std::move(r)); }

 private:
  std::vector<troupe::request<square>> kept_;
};

}  // namespace

TEST_CASE("multi_call asks all and gives the answers in the order asked") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    std::vector<destination> all;
    for (int i = 0; i < 10; ++i) all.emplace_back(self.spawn<answers>(i));
    const auto got = co_await troupe::multi_call(self, all, square{3});
    CHECK(got.bad.empty());
    REQUIRE(got.replies.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
      CHECK(got.replies[i].value == 9 + static_cast<int>(i));
      CHECK(got.replies[i].by.id() == all[i].id());
    }
  });
}

TEST_CASE("multi_call tells who gave no answer and why and all within one time limit") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto good = self.spawn_with<answers>({.name = "good"}, 0);
    const pid silent = self.spawn<keeps_silent>();
    const pid mute = self.spawn<keeps_silent>();
    const pid gone = self.spawn<answers>(0);
    self.exit(gone, exit_reason::shutdown);
    (void)co_await end_of(self, gone);
    std::vector<destination> all{silent, gone, destination("good"), destination("nobody"), mute};
    const auto start = self.now();
    const auto got = co_await troupe::multi_call(self, std::move(all), square{2}, 20ms);
    CHECK(self.now() - start >= 20ms);
    REQUIRE(got.replies.size() == 1);
    CHECK(got.replies[0].by.name() == "good");
    CHECK(got.replies[0].value == 4);
    REQUIRE(got.bad.size() == 4);
    CHECK(got.bad[0].by.id() == silent);
    CHECK(got.bad[0].reason.type() == "troupe::timeout");
    CHECK(got.bad[1].reason == exit_reason::noproc);
    CHECK(got.bad[2].by.name() == "nobody");
    CHECK(got.bad[2].reason == exit_reason::noproc);
    CHECK(got.bad[3].reason.type() == "troupe::timeout");
    CHECK(co_await self.call(good.id, square{5}) == 25);
  });
}

TEST_CASE("multi_call of nobody and of a request without a value give what there is") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto none = co_await troupe::multi_call(self, {}, square{2});
    CHECK(none.replies.empty());
    CHECK(none.bad.empty());
    std::vector<destination> one{self.spawn<answers>(0)};
    const auto got = co_await troupe::multi_call(self, std::move(one), nothing_to_say{});
    CHECK(got.replies.size() == 1);
  });
}
