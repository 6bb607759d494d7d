// What every server understands, asked from another node.
#include <troupe/sys.hpp>

#include "net/cluster_support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
namespace sys = troupe::sys;

namespace {

class adder : public troupe::server {
 public:
  using handles = troupe::messages<number, ask>;
  void handle(number n) { sum_ += n.value; }
  int handle(ask a) { return sum_ + a.value; }

 private:
  int sum_ = 0;
};

}  // namespace

TEST_CASE("a server of another node is held and followed and ended like one of this node") {
  two_nodes t;
  (void)t.b.system.spawn_with<adder>({.name = "adder"});
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination by_name("adder", t.b.name());
    const auto told = co_await self.call(by_name, sys::get_status{});
    CHECK(told.name == "adder");
    CHECK_THAT(told.behaviour, matchers::EndsWith("adder"));
    const pid there = told.process;
    CHECK(!there.local());
    co_await self.call(there, sys::suspend{});
    self.send(there, number{4});
    const auto held = co_await self.call(there, sys::get_status{});
    CHECK(held.suspended);
    CHECK(held.mailbox == 1);
    co_await self.call(there, sys::trace{.to = self.id()});
    co_await self.call(there, sys::resume{});
    CHECK(co_await self.call(there, ask{1}) == 5);
    const auto traced = co_await self.receive<sys::traced>();
    CHECK(traced.process == there);
    CHECK_THAT(traced.message, ContainsSubstring("number{4}"));
    const auto watch = self.monitor(there);
    co_await self.call(there, sys::terminate{exit_reason::shutdown});
    const auto ended =
        co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == watch; });
    CHECK(ended.reason == exit_reason::shutdown);
  });
}

TEST_CASE("a function for a server of another node is refused before anything is sent") {
  two_nodes t;
  (void)t.b.system.spawn_with<adder>({.name = "adder"});
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination by_name("adder", t.b.name());
    const pid there = (co_await self.call(by_name, sys::get_status{})).process;
    CHECK_THROWS_WITH(
        sys::get_state(self, troupe::ref<adder>(there), [](const adder&) { return 1; }),
        ContainsSubstring("is a process of another node"));
  });
}
