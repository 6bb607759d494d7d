#include <troupe/agent.hpp>

#include <troupe/sys.hpp>

#include "core/support.hpp"

#include <map>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::agent;
using troupe::call_error;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::pid;
using troupe::ref;
using troupe::task;

namespace {

using number = agent<int>;
using table = agent<std::map<std::string, int>>;

}  // namespace

TEST_CASE("an agent holds a value that others get and update") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const ref<number> n = self.spawn<number>(3);
    CHECK(co_await number::get(self, n) == 3);
    co_await number::update(self, n, [](int& value) { value *= 5; });
    CHECK(co_await number::get(self, n) == 15);
    const bool odd = co_await number::get(self, n, [](int value) { return value % 2 == 1; });
    CHECK(odd);
  });
}

TEST_CASE("an agent's value is made in the agent from the arguments of spawn") {
  struct made_in {
    explicit made_in(int) : where(context::current().id()) {}
    pid where;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto empty = self.spawn<table>();
    const auto size = co_await table::get(self, empty, [](const auto& all) { return all.size(); });
    CHECK(size == 0);
    const auto own = self.spawn<agent<made_in>>(1);
    const pid where =
        co_await agent<made_in>::get(self, own, [](const made_in& value) { return value.where; });
    CHECK(where == own.id());
  });
}

TEST_CASE("get_and_update gives what the function returns and keeps what it changed") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto n = self.spawn<number>(1);
    const int before = co_await number::get_and_update(self, n, [](int& value) { return value++; });
    CHECK(before == 1);
    CHECK(co_await number::get(self, n) == 2);
  });
}

TEST_CASE("a cast does not wait and takes effect before what the same process asks later") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto t = self.spawn<table>();
    for (int i = 0; i < 10; ++i) table::cast(self, t, [](auto& all) { ++all["hits"]; });
    const int hits = co_await table::get(self, t, [](const auto& all) { return all.at("hits"); });
    CHECK(hits == 10);
  });
}

TEST_CASE("functions of many processes run in an agent one after the other") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto n = self.spawn<number>(0);
    for (int p = 0; p < 10; ++p)
      (void)self.spawn_monitor([n](context own) -> troupe::process {
        for (int i = 0; i < 10; ++i)
          co_await number::update(own, n, [](int& value) { value += 1; });
      });
    for (int p = 0; p < 10; ++p) (void)co_await self.receive<down>();
    CHECK(co_await number::get(self, n) == 100);
  });
}

TEST_CASE("a function that throws while it looks fails the call and the agent lives") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto t = self.spawn<table>();
    std::string text;
    try {
      (void)co_await table::get(self, t, [](const auto& all) { return all.at("none"); });
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring("std::out_of_range"));
    CHECK((co_await table::get(self, t)).empty());
  });
}

TEST_CASE("a function that throws while it changes the value ends the agent and the call") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const exit_reason why = exit_reason::error("std::runtime_error", "half done");
    const auto halfway = [](int& value) {
      value = -1;
      throw std::runtime_error("half done");
    };
    const auto n = self.spawn_with<number>({.monitor = true}, 1);
    exit_reason told;
    try {
      co_await number::update(self, ref<number>(n.id), halfway);
    } catch (const call_error& e) {
      told = e.reason();
    }
    CHECK(told == why);
    CHECK((co_await self.receive<down>()).reason == why);
    const auto m = self.spawn_with<number>({.monitor = true}, 1);
    number::cast(self, ref<number>(m.id), halfway);
    CHECK((co_await self.receive<down>()).reason == why);
  });
}

TEST_CASE("a supervised agent has its first value again after a crash") {
  checked_system sys;
  sys->supervise(troupe::one_for_one{}, {troupe::child<number>("n", 5).registered()});
  sys->run([](context self) -> task<> {
    const ref<number> first(self.whereis("n"));
    co_await number::update(self, first, [](int& value) { value = 6; });
    number::cast(self, first, [](int&) { throw std::runtime_error("crash"); });
    while (!self.whereis("n") || self.whereis("n") == first.id()) co_await self.sleep(1ms);
    CHECK(co_await number::get(self, ref<number>(self.whereis("n"))) == 5);
  });
}

TEST_CASE("an agent of another value is not touched and the error names both") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto n = self.spawn<number>(5);
    const ref<table> wrong(n.id());
    std::string text;
    try {
      co_await table::update(self, wrong, [](auto& all) { all.clear(); });
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring("agent<int>") && ContainsSubstring("map"));
    table::cast(self, wrong, [](auto& all) { all.clear(); });
    CHECK(co_await number::get(self, n) == 5);
  });
  CHECK_THAT(sys.log->text(), ContainsSubstring("a function for an agent is dropped"));
}

TEST_CASE("an agent that ends answers nobody and a slow one keeps to the time given") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto n = self.spawn<number>(5);
    co_await self.call(n, troupe::sys::suspend{});
    std::string text;
    try {
      (void)co_await number::get(self, n, 1ms);
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring("troupe::timeout"));
    self.exit(n, exit_reason::shutdown);
    (void)co_await end_of(self, n);
    try {
      (void)co_await number::get(self, n);
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK_THAT(text, ContainsSubstring("noproc"));
  });
}

TEST_CASE("an agent of another node is refused at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const ref<number> far(pid{3, 77});
    CHECK_THROWS_AS(number::get(self, far), std::invalid_argument);
    CHECK_THROWS_AS(number::cast(self, far, [](int& value) { ++value; }), std::invalid_argument);
    co_return;
  });
}
