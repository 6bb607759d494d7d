#include "core/stage_support.hpp"

#include <atomic>

using namespace troupe_test;
using troupe::cancel_mode;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::messages;
using troupe::pid;
using troupe::ref;
using troupe::subscription;
using troupe::task;

namespace {

// 1,000,000 events need the real scheduler; a simulation shows the same with fewer.
const int many = simulated() ? 2'000 : 1'000'000;

class doubling : public troupe::producer_consumer<int, int> {
 public:
  ints handle_events(ints events) {
    for (int& e : events) e *= 2;
    return events;
  }
};

exit_reason crash() { return exit_reason::error("std::runtime_error", "no more"); }

}  // namespace

// --- demand ---

TEST_CASE("a consumer gets all events of a producer in order and none twice") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 10});
    CHECK(co_await take(self, 500) == up_to(500));
  });
}

TEST_CASE("a consumer asks for max_demand first and tops it up each time min_demand is left") {
  struct row {
    std::uint64_t max;
    std::optional<std::uint64_t> min;
    std::vector<std::size_t> asks;
  };
  const row rows[] = {
      {10, 5, {10, 5, 5, 5}}, {10, {}, {10, 5, 5, 5}}, {1000, 750, {1000, 250, 250}},
      {4, 0, {4, 4, 4}},      {1, {}, {1, 1, 1}},      {3, {}, {3, 2, 3, 2}},
      {5, 4, {5, 1, 1, 1}}};
  for (const row& r : rows) {
    INFO("max " << r.max << ", min " << r.min.value_or(r.max / 2));
    checked_system sys;
    sys->run([&](context self) -> task<> {
      const auto from = self.spawn<numbers>(self.id());
      const auto to = self.spawn<sink>(self.id());
      (void)co_await subscribe(self, to, from, {.max_demand = r.max, .min_demand = r.min});
      for (const std::size_t wanted : r.asks)
        CHECK((co_await self.receive<asked>()).wanted == wanted);
    });
  }
}

TEST_CASE("a consumer handles no more than max_demand less min_demand at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 10, .min_demand = 7});
    for (const int next : {3, 6, 9, 10, 13})  // of ten at first, then as they come
      CHECK((co_await self.receive<got>()).events.back() == next - 1);
    for (int i = 0; i < 30; ++i) CHECK((co_await self.receive<got>()).events.size() <= 3);
  });
}

TEST_CASE("demand is not asked while a handler waits and calls wait for it too") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id());
    const auto to = self.spawn<sink>(self.id(), sink_options{.hold = true});
    (void)co_await subscribe(self, to, from, {.max_demand = 4, .min_demand = 2});
    CHECK((co_await self.receive<asked>()).wanted == 4);
    CHECK((co_await self.receive<got>()).events == ints{0, 1});
    auto waits = self.send_request(to, are_you_there{});
    CHECK((co_await settled(self, from)).asked == 4);
    CHECK(!co_await self.receive_within<asked>(0s));
    self.send(to.id(), go_on{});
    CHECK((co_await self.receive<asked>()).wanted == 2);
    self.send(to.id(), go_on{});
    auto answer = co_await waits;
    CHECK(answer);
  });
}

TEST_CASE(
    "a source of very many and a sink that takes one at a time hold no more than max_demand") {
  struct tally {
    std::atomic<int> in_flight{0};
    std::atomic<int> most{0};
    std::atomic<int> handled{0};
  };
  class source : public troupe::producer<int> {
   public:
    explicit source(std::shared_ptr<tally> t) : tally_(std::move(t)) {}
    ints handle_demand(std::size_t wanted) {
      ints given = up_to(std::min(many, next_ + static_cast<int>(wanted)), 1, next_);
      next_ += static_cast<int>(given.size());
      const int now = tally_->in_flight += static_cast<int>(given.size());
      tally_->most = std::max(tally_->most.load(), now);
      if (next_ == many) finish();
      return given;
    }

   private:
    std::shared_ptr<tally> tally_;
    int next_ = 0;
  };
  class slow : public troupe::consumer<int> {
   public:
    explicit slow(std::shared_ptr<tally> t) : tally_(std::move(t)) {}
    task<> handle_events(ints events) {
      for (const int e : events) {
        if (e % 100 == 0) co_await self.yield();
        if (e != tally_->handled) throw std::logic_error("lost or doubled");
        ++tally_->handled;
        --tally_->in_flight;
      }
    }

   private:
    std::shared_ptr<tally> tally_;
  };
  for (const std::uint64_t max : {1u, 50u}) {
    checked_system sys;
    auto t = std::make_shared<tally>();
    sys->run([&](context self) -> task<> {
      const auto from = self.spawn<source>(t);
      const auto to = self.spawn_with<slow>({.monitor = true}, t);
      (void)co_await subscribe(self, ref<slow>(to.id), from, {.max_demand = max});
      CHECK((co_await self.receive<down>()).reason == exit_reason::normal);
    });
    CHECK(t->handled == many);
    CHECK(t->in_flight == 0);
    CHECK(t->most <= static_cast<int>(max));
  }
}

TEST_CASE("what a source does not give at once it owes: it emits it later and is not asked again") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), 2);
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 6, .min_demand = 3});
    CHECK((co_await self.receive<asked>()).wanted == 6);
    CHECK(co_await take(self, 2) == ints{0, 1});
    self.send(from, give{{2}});
    CHECK(co_await take(self, 1) == ints{2});
    CHECK((co_await self.receive<asked>()).wanted == 3);  // 6 - 3 were left
    self.send(from, give{{3, 4, 5}});
    CHECK(co_await take(self, 3) == ints{3, 4, 5});
  });
}

TEST_CASE("handle_demand may be a task and calls wait until it is through") {
  class slow_numbers : public troupe::producer<int> {
   public:
    using handles = messages<are_you_there>;
    task<ints> handle_demand(std::size_t wanted) {
      const int from = next_;
      co_await self.sleep(1ms);
      next_ = from + static_cast<int>(wanted);
      co_return up_to(next_, 1, from);
    }
    void handle(are_you_there) {
      if (next_ == 0) throw std::logic_error("handled in the middle of handle_demand");
    }

   private:
    int next_ = 0;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<slow_numbers>();
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 4});
    CHECK(co_await take(self, 20) == up_to(20));
    co_await self.call(from, are_you_there{});
  });
}

TEST_CASE("demand by hand: a manual consumer gets what it asks for and nothing else") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id());
    const auto to = self.spawn<sink>(self.id());
    CHECK(co_await subscribe(self, to, from, {.manual = true}) == subscription{1});
    CHECK((co_await settled(self, from)).asked == 0);
    self.send(to, more{3});
    CHECK((co_await self.receive<got>()).events == ints{0, 1, 2});
    self.send(to, more{1});
    CHECK((co_await self.receive<got>()).events == ints{3});
    CHECK((co_await settled(self, from)).asked == 4);
  });
}

TEST_CASE("demand that is asked by hand before the producer has confirmed is not forgotten") {
  class eager : public troupe::consumer<int> {
   public:
    explicit eager(pid watcher) : watcher_(watcher) {
      ask(subscribe_to("numbers", {.manual = true}), 2);
    }
    void handle_events(ints events) { self.send(watcher_, got{0, std::move(events)}); }

   private:
    pid watcher_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.spawn_with<numbers>({.name = "numbers"});
    self.spawn<eager>(self.id());
    CHECK(co_await take(self, 2) == ints{0, 1});
  });
}

TEST_CASE("the source is not asked while demand is accumulated and then for all of it at once") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), endless, by::to_demand(),
                                          troupe::producer_options{.accumulate = true});
    const auto a = self.spawn<sink>(self.id());
    const auto b = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, a, from, {.max_demand = 2});
    (void)co_await subscribe(self, b, from, {.max_demand = 3});
    while ((co_await settled(self, from)).asked < 5) co_await self.yield();
    CHECK(!co_await self.receive_within<asked>(0s));
    self.send(from, forward{});
    CHECK((co_await self.receive<asked>()).wanted == 5);
  });
}

// --- buffers ---

TEST_CASE("events that nobody has asked for wait and are delivered first in their order") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id());
    self.send(from, give{{-3, -2}});
    self.send(from, give{{-1}});
    CHECK((co_await settled(self, from)).buffered == 3);
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 4});
    CHECK((co_await self.receive<asked>()).wanted == 1);  // three of the four are there
    CHECK(co_await take(self, 6) == ints{-3, -2, -1, 0, 1, 2});
  });
}

TEST_CASE("a full buffer drops the oldest or the newest and the drops are counted and logged") {
  for (const auto keep : {troupe::buffer_keep::last, troupe::buffer_keep::first}) {
    checked_system sys;
    sys->run([&](context self) -> task<> {
      const auto from = self.spawn<numbers>(
          self.id(), 0, by::to_demand(), troupe::producer_options{.buffer_size = 3, .keep = keep});
      self.send(from, give{{1, 2, 3, 4}});
      self.send(from, give{{5}});
      const troupe::stage_counts counts = co_await settled(self, from);
      CHECK(counts.buffered == 3);
      CHECK(counts.dropped == 2);
      const auto to = self.spawn<sink>(self.id());
      (void)co_await subscribe(self, to, from);
      const ints expected = keep == troupe::buffer_keep::last ? ints{3, 4, 5} : ints{1, 2, 3};
      CHECK(co_await take(self, 3) == expected);
    });
    CHECK_THAT(sys.log->text(), matchers::ContainsSubstring("1 events dropped so far") &&
                                    matchers::ContainsSubstring("2 events dropped so far") &&
                                    matchers::ContainsSubstring("buffer_size"));
  }
}

TEST_CASE("a source that finishes delivers what it has buffered before it ends and asks no more") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn_with<numbers>({.monitor = true}, self.id(), 0);
    self.send(from.id, give{up_to(10)});
    self.send(from.id, end_now{exit_reason::of(3)});
    (void)co_await settled(self, from.id);
    CHECK(!co_await self.receive_within<down>(0s));
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, ref<numbers>(from.id), {.max_demand = 2});
    CHECK(co_await take(self, 10) == up_to(10));
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(3));
    CHECK((co_await self.receive<cancelled>()).why == exit_reason::of(3));
    CHECK(!co_await self.receive_within<asked>(0s));
  });
}

// --- producer_consumer ---

TEST_CASE("a producer_consumer handles input only while its consumers ask and passes that on") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto through = self.spawn<doubling>();
    const auto to = self.spawn<sink>(self.id(), sink_options{.hold = true});
    (void)co_await subscribe(self, through, from, {.max_demand = 8, .min_demand = 4});
    while ((co_await settled(self, through.id())).received < 8) co_await self.yield();
    CHECK((co_await settled(self, from)).delivered == 8);  // it is full
    CHECK((co_await settled(self, through)).waiting == 8);
    (void)co_await subscribe(self, to, through, {.max_demand = 2, .min_demand = 1});
    for (int i = 0; i < 100; ++i) {
      const int next = (co_await self.receive<got>()).events.at(0);
      CHECK(next == 2 * i);
      const auto ahead = (co_await counts_of(self, from.id())).delivered;
      CHECK(ahead <= static_cast<std::uint64_t>(i) + 8 + 4 + 2);
      self.send(to.id(), go_on{});
    }
  });
}

TEST_CASE("a producer_consumer may make more or fewer events of its input and none is lost") {
  // Each n that is not divisible by 3, n times.
  class repeating : public troupe::producer_consumer<int, int> {
   public:
    repeating() : producer_consumer(dispatch::to_demand(), {.buffer_size = 1}) {}
    task<> handle_events(ints events) {
      for (const int n : events) {
        co_await self.yield();
        if (n % 3 != 0) emit(ints(static_cast<std::size_t>(n), n));
      }
    }
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto through = self.spawn<repeating>();
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, through, {.max_demand = 3});
    (void)co_await subscribe(self, through, from, {.max_demand = 4});
    ints expected;
    for (int n = 0; n < 12; ++n)
      if (n % 3 != 0) expected.insert(expected.end(), static_cast<std::size_t>(n), n);
    ints all = co_await take(self, expected.size());
    all.resize(expected.size());
    CHECK(all == expected);
    CHECK((co_await counts_of(self, through.id())).dropped == 0);
  });
}

TEST_CASE("a producer_consumer hears the end of its producer after all that came before is sent") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), 5);
    const auto through = self.spawn_with<doubling>({.monitor = true});
    (void)co_await subscribe(self, ref<doubling>(through.id), from, {.max_demand = 10});
    while ((co_await settled(self, through.id)).received < 5) co_await self.yield();
    self.exit(from, exit_reason::of(1));
    (void)co_await end_of(self, from);
    CHECK((co_await settled(self, through.id)).waiting == 5);
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, ref<doubling>(through.id), {.max_demand = 2});
    CHECK(co_await take(self, 5) == up_to(10, 2));
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(1));
    CHECK((co_await self.receive<cancelled>()).why == exit_reason::of(1));
  });
}

// --- the end of a subscription ---

TEST_CASE("the cancel mode says after which ends of a producer its consumer ends with it") {
  struct row {
    cancel_mode mode;
    exit_reason why;
    bool ends;
  };
  const row rows[] = {
      {cancel_mode::permanent, exit_reason::normal, true},
      {cancel_mode::permanent, crash(), true},
      {cancel_mode::transient, exit_reason::normal, false},
      {cancel_mode::transient, exit_reason::shutdown, false},
      {cancel_mode::transient, exit_reason::shutdown_with(1), false},
      {cancel_mode::transient, crash(), true},
      {cancel_mode::transient, exit_reason::killed, true},
      {cancel_mode::temporary, exit_reason::normal, false},
      {cancel_mode::temporary, crash(), false},
  };
  for (const row& r : rows) {
    INFO("mode " << static_cast<int>(r.mode) << ", end " << to_string(r.why));
    checked_system sys;
    sys->run([&](context self) -> task<> {
      const auto from = self.spawn<numbers>(pid{}, 7);
      const auto to = self.spawn_with<sink>({.monitor = true}, self.id());
      (void)co_await subscribe(self, ref<sink>(to.id), from, {.max_demand = 4, .cancel = r.mode});
      self.send(from, end_now{r.why});
      const exit_reason why = (co_await self.receive<cancelled>()).why;
      CHECK(why == r.why);
      if (r.ends) {
        CHECK((co_await self.receive<down>()).reason == r.why);
      } else {
        CHECK((co_await settled(self, to.id)).producers == 0);
        CHECK(self.system().alive(to.id));
      }
    });
  }
}

TEST_CASE("a consumer handles what its producer sent before it ended and then hears the end") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 9);
    const auto to = self.spawn_with<sink>({.monitor = true}, self.id(), sink_options{.hold = true});
    (void)co_await subscribe(self, ref<sink>(to.id), from, {.max_demand = 9, .min_demand = 6});
    CHECK((co_await self.receive<got>()).events == ints{0, 1, 2});
    self.exit(from, exit_reason::kill);
    (void)co_await end_of(self, from);
    self.send(to.id, go_on{});
    CHECK((co_await self.receive<got>()).events == ints{3, 4, 5});
    self.send(to.id, go_on{});
    CHECK((co_await self.receive<got>()).events == ints{6, 7, 8});
    self.send(to.id, go_on{});
    CHECK((co_await self.receive<down>()).reason == exit_reason::killed);
  });
}

TEST_CASE("a producer forgets a consumer that ends and what it was asked for goes to the next") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(self.id(), 0);
    const auto first = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, first, from, {.max_demand = 10});
    CHECK((co_await self.receive<asked>()).wanted == 10);
    self.exit(first, exit_reason::kill);
    (void)co_await end_of(self, first);
    while ((co_await settled(self, from)).consumers > 0) co_await self.yield();
    self.send(from, give{{7}});  // owed to nobody now
    CHECK((co_await settled(self, from)).buffered == 1);
    const auto second = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, second, from, {.max_demand = 12});
    CHECK(co_await take(self, 1) == ints{7});
    CHECK((co_await self.receive<asked>()).wanted == 2);  // 9 of the 11 are owed still
  });
}

TEST_CASE("a cancelled subscription ends on both sides after what was on its way is handled") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto to = self.spawn<sink>(self.id(), sink_options{.hold = true});
    const subscription sub = co_await subscribe(
        self, to, from, {.max_demand = 6, .min_demand = 3, .cancel = cancel_mode::temporary});
    CHECK((co_await self.receive<got>()).events == ints{0, 1, 2});
    auto cancel = self.send_request(to.id(), troupe::internal::stage_unsubscribe{sub, crash()});
    self.send(to.id(), go_on{});
    auto done = co_await cancel;
    CHECK(done);
    ints rest;
    for (bool ended = false; !ended;)
      co_await self.receive(
          [&](got g) {
            rest.insert(rest.end(), g.events.begin(), g.events.end());
            self.send(to.id(), go_on{});
          },
          [&](cancelled c) { ended = c.why == crash(); });
    const auto sent = (co_await settled(self, from)).delivered;
    CHECK(rest == up_to(static_cast<int>(sent), 1, 3));
    CHECK((co_await settled(self, from)).consumers == 0);
    CHECK((co_await settled(self, to.id())).producers == 0);
    co_await cancel_subscription(self, to.id(), sub);  // a second time it is nothing
  });
}

TEST_CASE("a permanent consumer that cancels ends with the reason it gives") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 0);
    const auto to = self.spawn_with<sink>({.monitor = true}, self.id());
    const subscription sub = co_await subscribe(self, ref<sink>(to.id), from);
    co_await cancel_subscription(self, to.id, sub, exit_reason::of(4));
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(4));
    while ((co_await settled(self, from)).consumers > 0) co_await self.yield();
  });
}

// --- subscribing ---

TEST_CASE("subscribing to what is no producer of the type fails in words and the consumer lives") {
  class texts : public troupe::producer<std::string> {
   public:
    std::vector<std::string> handle_demand(std::size_t) { return {}; }
  };
  checked_system sys;
  const auto to = sys->spawn<sink>(pid{});
  const auto strings = sys->spawn<texts>();
  CHECK_THROWS_WITH(subscribe(*sys, to.id(), strings.id()),
                    matchers::ContainsSubstring("gives events of type string, not int32"));
  CHECK_THROWS_WITH(subscribe(*sys, to.id(), "nobody"), matchers::ContainsSubstring("noproc"));
  CHECK_THROWS_WITH(subscribe(*sys, to.id(), pid{.node = 0, .id = 77}),
                    matchers::ContainsSubstring("noproc"));
  CHECK(counts_of(*sys, to.id()).producers == 0);
  CHECK(counts_of(*sys, strings.id()).consumers == 0);
}

TEST_CASE("options of a subscription that contradict each other are refused in words") {
  checked_system sys;
  const auto to = sys->spawn<sink>(pid{});
  const auto from = sys->spawn<numbers>();
  CHECK_THROWS_WITH(subscribe(*sys, to, from, {.max_demand = 0}),
                    matchers::ContainsSubstring("0 and 0 are given"));
  CHECK_THROWS_WITH(subscribe(*sys, to, from, {.max_demand = 5, .min_demand = 5}),
                    matchers::ContainsSubstring("min_demand less than that"));
  CHECK_THROWS_AS(troupe::internal::outlet_of<int>(troupe::dispatch<int>::to_demand(),
                                                   {.buffer_size = 0}, true),
                  std::invalid_argument);
  CHECK(counts_of(*sys, to.id()).producers == 0);
}

TEST_CASE("a consumer with two producers has demand of its own at each") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto endless_one = self.spawn<numbers>();
    const auto short_one = self.spawn<numbers>(self.id(), 3);
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, short_one,
                             {.max_demand = 5, .cancel = cancel_mode::temporary});
    CHECK(co_await take(self, 3) == ints{0, 1, 2});
    (void)co_await subscribe(self, to, endless_one, {.max_demand = 2});
    CHECK(co_await take(self, 40) == up_to(40));
    CHECK((co_await settled(self, to)).producers == 2);
    self.exit(short_one, exit_reason::kill);
    CHECK((co_await self.receive<cancelled>()).why == exit_reason::killed);
    (void)co_await take(self, 40);
  });
}

TEST_CASE("a supervised pipeline heals: restarted stages find each other by name") {
  struct zeros {
    using reply = int;
  };
  class book : public troupe::server {
   public:
    using handles = messages<got, cancelled, zeros>;
    void handle(got g) { zeros_ += static_cast<int>(std::ranges::count(g.events, 0)); }
    void handle(cancelled) {}
    int handle(zeros) { return zeros_; }

   private:
    int zeros_ = 0;
  };
  class named_doubling : public doubling {
   public:
    named_doubling() { subscribe_to("numbers", {.max_demand = 4}); }
  };
  checked_system sys;
  const auto starts = sys->spawn<book>();  // each start of the source gives one zero
  sys->supervise(
      troupe::rest_for_one{.intensity = 10},
      {troupe::child<numbers>("numbers").registered(),
       troupe::child<named_doubling>("doubled").registered(),
       troupe::child<sink>("sink", starts.id(), sink_options{.producer = "doubled"}).registered()});
  sys->run([&](context self) -> task<> {
    int expected = 1;
    for (const char* victim : {"numbers", "doubled", "sink", "numbers"}) {
      INFO(victim);
      while (co_await self.call(starts, zeros{}) < expected) co_await self.yield();
      const pid before = self.whereis(victim);
      self.exit(before, exit_reason::kill);
      (void)co_await end_of(self, before);
      if (std::string_view(victim) == "numbers") ++expected;
      while (!self.whereis("sink") || self.whereis(victim) == before) co_await self.yield();
    }
    while (co_await self.call(starts, zeros{}) < expected) co_await self.yield();
  });
}

TEST_CASE("a temporary subscription by name is made again when the name is back") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto first = self.spawn_with<numbers>({.name = "numbers"}, pid{}, 3);
    const auto to = self.spawn<sink>(
        self.id(), sink_options{.producer = "numbers",
                                .how = {.cancel = cancel_mode::temporary, .retry = 1ms}});
    CHECK(co_await take(self, 3) == ints{0, 1, 2});
    self.exit(first.id, exit_reason::kill);
    CHECK((co_await self.receive<cancelled>()).why == exit_reason::killed);
    CHECK((co_await self.receive<cancelled>()).why == exit_reason::noproc);  // not back yet
    self.spawn_with<numbers>({.name = "numbers"}, pid{}, 2);
    CHECK(co_await take(self, 2) == ints{0, 1});
    co_await cancel_subscription(self, to.id(), {1});
    while ((co_await settled(self, to)).producers > 0) co_await self.yield();
  });
}

// --- a stage is a server ---

TEST_CASE("a stage handles the messages it lists and downs that are not of its subscriptions") {
  class watching : public troupe::consumer<int> {
   public:
    using handles = messages<down, are_you_there>;
    explicit watching(pid watcher, pid other) : watcher_(watcher) { (void)self.monitor(other); }
    void handle_events(ints events) { self.send(watcher_, got{0, std::move(events)}); }
    void handle(down d) { self.send(watcher_, d); }
    void handle(are_you_there) {}

   private:
    pid watcher_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid other = self.spawn(idler);
    const auto from = self.spawn<numbers>(pid{}, 3);
    const auto to = self.spawn<watching>(self.id(), other);
    (void)co_await subscribe(self, to, from, {.cancel = cancel_mode::temporary});
    CHECK(co_await take(self, 3) == ints{0, 1, 2});
    self.exit(other, exit_reason::of(8));
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(8));
    self.exit(from, exit_reason::of(9));
    while ((co_await settled(self, to)).producers > 0) co_await self.yield();
    co_await self.call(to, are_you_there{});
    CHECK(!co_await self.receive_within<down>(0s));
  });
}

TEST_CASE("a down that a stage does not list is logged and dropped as by any server") {
  checked_system sys;
  const auto from = sys->spawn<numbers>();
  sys->send(from.id(), down{});
  (void)counts_of(*sys, from.id());
  CHECK_THAT(sys.log->text(), matchers::ContainsSubstring("does not handle troupe::down"));
}

TEST_CASE("the counts of a stage tell what was asked and delivered and what waits") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>(pid{}, 7);
    const auto to = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, to, from, {.max_demand = 4, .min_demand = 2});
    (void)co_await take(self, 7);
    (void)co_await settled(self, to);
    const troupe::stage_counts gave = co_await settled(self, from);
    CHECK(gave == troupe::stage_counts{.consumers = 1, .asked = 10, .delivered = 7});
    CHECK(co_await settled(self, to) ==
          troupe::stage_counts{.producers = 1, .requested = 10, .received = 7});
  });
}

TEST_CASE("events that can only be moved go from a producer to a consumer") {
  using box = std::unique_ptr<int>;
  class boxes : public troupe::producer<box> {
   public:
    std::vector<box> handle_demand(std::size_t wanted) {
      std::vector<box> given;
      while (given.size() < wanted) given.push_back(std::make_unique<int>(next_++));
      return given;
    }

   private:
    int next_ = 0;
  };
  class opening : public troupe::consumer<box> {
   public:
    explicit opening(pid watcher) : watcher_(watcher) {}
    void handle_events(std::vector<box> events) {
      ints inside;
      for (const box& b : events) inside.push_back(*b);
      self.send(watcher_, got{0, std::move(inside)});
    }

   private:
    pid watcher_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto to = self.spawn<opening>(self.id());
    (void)co_await subscribe(self, to, self.spawn<boxes>(), {.max_demand = 3});
    ints all = co_await take(self, 30);
    CHECK(all == up_to(static_cast<int>(all.size())));
  });
}

TEST_CASE("a handler that throws ends the stage and its producer goes on with the others") {
  class touchy : public troupe::consumer<int> {
   public:
    void handle_events(ints) { throw std::runtime_error("no more"); }
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto from = self.spawn<numbers>();
    const auto bad = self.spawn_with<touchy>({.monitor = true});
    const auto good = self.spawn<sink>(self.id());
    (void)co_await subscribe(self, good, from, {.max_demand = 2});
    (void)co_await self.try_call(
        bad.id, troupe::internal::stage_subscribe_to::from(from.id(), {.max_demand = 3}));
    CHECK((co_await self.receive<down>()).reason == crash());
    (void)co_await take(self, 50);
    while ((co_await settled(self, from)).consumers > 1) co_await self.yield();
  });
}
