#include "core/stage_support.hpp"

#include <map>

using namespace troupe_test;
using troupe::cancel_mode;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::ref;
using troupe::task;

namespace {

// Sinks with the numbers 0, 1, ... that have subscribed with these options.
task<std::vector<ref<sink>>> sinks(context self, pid from,
                                   std::vector<troupe::subscription_options> how) {
  std::vector<ref<sink>> all;
  for (std::size_t i = 0; i < how.size(); ++i) {
    all.push_back(self.spawn<sink>(self.id(), sink_options{.id = static_cast<int>(i)}));
    (void)co_await subscribe(self, all.back().id(), from, how[i]);
  }
  co_return all;
}
// The same, by hand, and these many asked for.
task<std::vector<ref<sink>>> asking(context self, pid from, std::vector<std::uint64_t> demands) {
  auto all = co_await sinks(self, from, {demands.size(), {.manual = true}});
  for (std::size_t i = 0; i < demands.size(); ++i) {  // in this order
    self.send(all[i], more{demands[i]});
    (void)co_await settled(self, all[i]);
    (void)co_await settled(self, from);
  }
  co_return all;
}

by by_remainder(std::size_t partitions) {
  return by::partition(partitions, [](const int& e) { return static_cast<std::size_t>(e); });
}

}  // namespace

// --- to demand ---

TEST_CASE("events go to the consumer that has asked for most and equals take turns") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 0);
    const auto to = co_await asking(self, from, {2, 5, 2});
    self.send(from, give{{1, 2, 3}});  // leaves 2, 2, 2: and 1 was served last
    CHECK((co_await take_each(self, 3, 3)) == std::vector<ints>{{}, {1, 2, 3}, {}});
    self.send(from, give{{4}});
    CHECK((co_await take_each(self, 3, 1)) == std::vector<ints>{{4}, {}, {}});
    self.send(from, give{{5}});  // 1, 2, 2
    CHECK((co_await take_each(self, 3, 1)) == std::vector<ints>{{}, {}, {5}});
    self.send(from, give{{6, 7, 8, 9}});  // 1, 2, 1: the largest first, then who waits longest
    CHECK((co_await take_each(self, 3, 4)) == std::vector<ints>{{8}, {6, 7}, {9}});
  });
}

TEST_CASE("consumers share the events of one producer and none is lost or doubled") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 1000);
    const auto to = co_await sinks(self, from, {4, {.max_demand = 7}});
    ints all = co_await take(self, 1000);
    std::ranges::sort(all);
    CHECK(all == up_to(1000));
  });
}

TEST_CASE("a consumer that dies among others loses at most what it was sent") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 1000);
    const auto held = self.spawn<sink>(self.id(), sink_options{.hold = true});
    (void)co_await subscribe(self, held, from, {.max_demand = 10, .min_demand = 0});
    (void)co_await self.receive<got>();  // 0 to 9, which it holds
    const auto to = co_await sinks(self, from, {2, {.max_demand = 7}});
    self.exit(held, exit_reason::kill);
    ints all = co_await take(self, 990);
    std::ranges::sort(all);
    CHECK(all == up_to(1000, 1, 10));
  });
}

// --- broadcast ---

TEST_CASE("a broadcast sends every event to all consumers in order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), 200, by::broadcast(),
                                          troupe::producer_options{.accumulate = true});
    const auto to = co_await sinks(self, from, {{.max_demand = 10}, {.max_demand = 3}});
    self.send(from, forward{});
    const std::vector<ints> each = co_await take_each(self, 2, 400);
    CHECK(each == std::vector<ints>{up_to(200), up_to(200)});
  });
}

TEST_CASE("a broadcast goes at the pace of the slowest and its source is asked for no more") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), endless, by::broadcast());
    const auto to = co_await asking(self, from, {0, 100});
    CHECK(!co_await self.receive_within<asked>(0s));
    self.send(to[0], more{2});
    CHECK((co_await self.receive<asked>()).wanted == 2);
    CHECK((co_await take_each(self, 2, 4)) == std::vector<ints>{{0, 1}, {0, 1}});
    CHECK(!co_await self.receive_within<asked>(0s));
    self.exit(to[0], exit_reason::kill);  // nobody holds the others back
    CHECK((co_await self.receive<asked>()).wanted == 98);
    CHECK((co_await take_each(self, 2, 98))[1] == up_to(100, 1, 2));
  });
}

TEST_CASE("who subscribes to a broadcast gets what comes after and nothing before") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 0, by::broadcast());
    const auto first = co_await asking(self, from, {10});
    self.send(from, give{{1, 2}});
    (void)co_await take(self, 2);
    const auto late = self.spawn<sink>(self.id(), sink_options{.id = 1});
    (void)co_await subscribe(self, late, from);
    (void)co_await settled(self, late);
    self.send(from, give{{3, 4}});
    const auto each = co_await take_each(self, 2, 4);
    CHECK(each == std::vector<ints>{{3, 4}, {3, 4}});
  });
}

TEST_CASE("a broadcast's selector chooses events for each and what it leaves out costs no demand") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto multiples =
        by::broadcast([](const int& e, std::uint64_t to) { return e % static_cast<int>(to) == 0; });
    const auto from = self.spawn<numbers>(pid{}, endless, multiples,
                                          troupe::producer_options{.accumulate = true});
    const auto to =
        co_await sinks(self, from, {{.to = 1, .manual = true}, {.to = 7, .manual = true}});
    self.send(to[0], more{100});
    self.send(to[1], more{3});
    while ((co_await settled(self, from)).asked < 103) co_await self.yield();
    self.send(from, forward{});
    const std::vector<ints> each = co_await take_each(self, 2, 18);
    CHECK(each == std::vector<ints>{up_to(15), {0, 7, 14}});
    CHECK((co_await settled(self, from)).delivered == 18);
  });
}

// --- partitions ---

TEST_CASE("each event goes to the consumer of its partition in order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 300, by_remainder(3));
    const auto to = co_await sinks(
        self, from, {{.max_demand = 5, .to = 2}, {.max_demand = 9, .to = 0}, {.to = 1}});
    const std::vector<ints> each = co_await take_each(self, 3, 300);
    CHECK(each == std::vector<ints>{up_to(300, 3, 2), up_to(300, 3, 0), up_to(300, 3, 1)});
  });
}

TEST_CASE("the share of a missing consumer waits within buffer_size and is its when it comes") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, endless, by_remainder(2),
                                          troupe::producer_options{.buffer_size = 20});
    const auto even = co_await sinks(self, from, {{.max_demand = 6, .to = 0}});
    CHECK(co_await take(self, 20) == up_to(40, 2));  // as far as it can: 20 odd ones wait
    while ((co_await settled(self, from)).buffered < 20) co_await self.yield();
    const troupe::stage_counts stuck = co_await settled(self, from);
    CHECK(stuck.buffered == 20);
    CHECK(stuck.dropped == 0);
    const auto odd = self.spawn<sink>(self.id(), sink_options{.id = 1});
    (void)co_await subscribe(self, odd, from, {.max_demand = 4, .to = 1});
    const std::vector<ints> each = co_await take_each(self, 2, 200);
    CHECK(each[0] == up_to(40 + 2 * static_cast<int>(each[0].size()), 2, 40));
    CHECK(each[1] == up_to(1 + 2 * static_cast<int>(each[1].size()), 2, 1));
  });
}

TEST_CASE("a slow partition holds the source back and loses nothing") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 400, by_remainder(2),
                                          troupe::producer_options{.buffer_size = 10});
    const auto slow = self.spawn<sink>(self.id(), sink_options{.id = 0, .hold = true});
    const auto fast = self.spawn<sink>(self.id(), sink_options{.id = 1});
    (void)co_await subscribe(self, slow, from, {.max_demand = 1, .to = 0});
    (void)co_await subscribe(self, fast, from, {.max_demand = 50, .to = 1});
    std::vector<ints> each(2);
    while (each[0].size() + each[1].size() < 400) {
      const got g = co_await self.receive<got>();
      ints& to = each[static_cast<std::size_t>(g.sink)];
      to.insert(to.end(), g.events.begin(), g.events.end());
      if (g.sink != 0) continue;
      CHECK((co_await counts_of(self, from.id())).buffered <= 10);
      self.send(slow.id(), go_on{});
    }
    CHECK(each == std::vector<ints>{up_to(400, 2), up_to(400, 2, 1)});
    CHECK((co_await counts_of(self, from.id())).dropped == 0);
  });
}

TEST_CASE("the second consumer of a partition stands by until the first has ended") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 0, by_remainder(2));
    const auto to =
        co_await sinks(self, from, {{.max_demand = 10, .to = 1}, {.max_demand = 10, .to = 1}});
    for (const auto& s : to) (void)co_await settled(self, s);
    self.send(from, give{{1, 3}});
    CHECK((co_await take_each(self, 2, 2)) == std::vector<ints>{{1, 3}, {}});
    self.exit(to[0], exit_reason::kill);
    while ((co_await settled(self, from)).consumers > 1) co_await self.yield();
    self.send(from, give{{5}});
    CHECK((co_await take_each(self, 2, 1)) == std::vector<ints>{{}, {5}});
  });
}

TEST_CASE("a partition that there is not is refused in words") {
  checked_system sys;
  const auto from = sys->spawn<numbers>(pid{}, 0, by_remainder(2));
  const auto to = sys->spawn<sink>(pid{});
  CHECK_THROWS_WITH(subscribe(*sys, to, from, {.to = 2}),
                    matchers::ContainsSubstring("has the partitions 0 to 1") &&
                        matchers::ContainsSubstring("there is no partition 2"));
  CHECK_THROWS_AS(
      troupe::internal::outlet_of<int>(by_remainder(0), troupe::producer_options{}, true),
      std::invalid_argument);
}

TEST_CASE("a producer_consumer with partitions takes no input while its buffer is full") {
  class sorting : public troupe::producer_consumer<int, int> {
   public:
    sorting() : producer_consumer(by_remainder(2), {.buffer_size = 10}) {}
    ints handle_events(ints events) { return events; }
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto through = self.spawn<sorting>();
    const auto even = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, through, from, {.max_demand = 4, .min_demand = 2});
    (void)co_await subscribe(self, even, through, {.max_demand = 100, .to = 0});
    CHECK(co_await take(self, 10) == up_to(20, 2));
    for (int i = 0; i < 10; ++i) (void)co_await settled(self, through);
    const troupe::stage_counts full = co_await settled(self, through);
    CHECK(full.buffered == 10);
    CHECK(full.dropped == 0);
    CHECK((co_await settled(self, from)).delivered <= 24);
  });
}
