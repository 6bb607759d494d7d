// Bounded mailboxes whose senders are on another node.
#include <atomic>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::mailbox_limits;
using troupe::overflow;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct ware {
  int number;
  std::string content = {};
};
struct list_wares {
  using reply = std::vector<int>;
};

// Takes nothing while the latch lives, then keeps the numbers that it gets.
process shop(context self, pid latch) {
  (void)self.monitor(latch);
  (void)co_await self.receive<troupe::down>();
  std::vector<int> seen;
  for (;;)
    co_await self.receive([&](ware m) { seen.push_back(m.number); },
                          [&](troupe::request<list_wares> r) { r.reply(seen); });
}

process waits(context self) { co_await self.receive<die>(); }

// On b a shop under that name with these limits, which is shut.
struct two_with_shop : two_nodes {
  explicit two_with_shop(mailbox_limits limits) {
    b.system.spawn_with({.name = "echo"}, echo);
    shop_there = b.system.spawn_with({.name = "shop", .mailbox = limits}, shop, latch);
  }
  ~two_with_shop() { b.system.exit(shop_there, exit_reason::kill); }
  two_with_shop(const two_with_shop&) = delete;
  two_with_shop& operator=(const two_with_shop&) = delete;
  void open_shop() { b.system.exit(latch, exit_reason::kill); }
  [[nodiscard]] troupe::destination to() const { return {"shop", b.name()}; }

  pid latch = b.system.spawn(waits);
  pid shop_there;
};

// Sends so many, and returns when they have come.
task<> send_wares(context self, const two_with_shop& t, int count) {
  for (int i = 1; i <= count; ++i) self.send(t.to(), ware{i});
  CHECK(co_await self.call({"echo", t.b.name()}, ask{1}) == 2);
}

// A call to a full mailbox may be refused: asks until it is not.
task<std::vector<int>> wares_of(context self, const two_with_shop& t) {
  for (;;) {
    auto seen = co_await self.try_call(t.to(), list_wares{});
    if (seen) co_return *seen;
    REQUIRE(seen.reason().type() == "troupe::mailbox_full");
  }
}

}  // namespace

TEST_CASE("a full mailbox holds senders on another node until there is room and refuses nothing") {
  two_with_shop t({.messages = 10, .when_full = overflow::hold_sender});
  constexpr int count = 8'000;  // of ten kilobytes
  // The bound, what waits at the sender, and what sockets hold.
  constexpr int most = 3'000;
  std::atomic<int> sent{0};
  const pid sender = t.a.system.spawn([&](context self) -> process {
    for (int i = 1; i <= count; ++i) {
      self.send(t.to(), ware{i, std::string(10'000, 'x')});
      sent = i;
      co_await self.yield();
    }
  });
  REQUIRE(comes_true([&] { return sent > 10; }));  // the mailbox is full from the eleventh on
  // Time in which it could send all, and in which others are served.
  for (int i = 0; i < 2000; ++i) REQUIRE(t.a.system.call({"echo", t.b.name()}, ask{i}) == i + 1);
  CHECK(sent < most);
  t.open_shop();
  CHECK(comes_true([&] { return !t.a.system.alive(sender); }));
  t.a.system.run([&](context self) -> task<> {
    const auto seen = co_await wares_of(self, t);
    REQUIRE(seen.size() == count);
    for (int i = 0; i < count; ++i) REQUIRE(seen[static_cast<std::size_t>(i)] == i + 1);
  });
  CHECK(t.b.system.message_counts().refused == 0);
}

TEST_CASE("senders on another node that a full mailbox holds go on when its process ends") {
  two_with_shop t({.messages = 2, .when_full = overflow::hold_sender});
  const auto before = t.b.system.message_counts().sent;
  std::vector<pid> senders;
  for (int i = 0; i < 5; ++i)
    senders.push_back(t.a.system.spawn([&](context self) -> process {
      while (t.b.system.alive(t.shop_there)) {
        self.send(t.to(), ware{1});
        co_await self.yield();
      }
    }));
  REQUIRE(comes_true([&] { return t.b.system.message_counts().sent > before + 2; }));
  t.b.system.exit(t.shop_there, exit_reason::kill);
  for (const pid p : senders) CHECK(comes_true([&] { return !t.a.system.alive(p); }));
}

TEST_CASE("a full mailbox that refuses keeps the first from another node and fails its calls") {
  two_with_shop t({.messages = 3});
  t.a.system.run([&](context self) -> task<> {
    co_await send_wares(self, t, 10);
    const auto refused = co_await self.try_call(t.to(), list_wares{});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.reason().type() == "troupe::mailbox_full");
    t.open_shop();
    const auto seen = co_await wares_of(self, t);
    CHECK(seen == std::vector{1, 2, 3});
  });
}

TEST_CASE("a full mailbox that kills ends its process for what another node sends") {
  two_with_shop t({.messages = 3, .when_full = overflow::kill});
  t.a.system.run([&](context self) -> task<> {
    const auto ref = self.monitor(t.to());
    co_await send_wares(self, t, 4);
    const auto told = co_await self.receive<troupe::down>();
    CHECK(told.ref == ref);
    CHECK(told.reason.type() == "troupe::mailbox_full");
  });
}

TEST_CASE("a full mailbox that drops the oldest keeps the last from another node") {
  two_with_shop t({.messages = 3, .when_full = overflow::drop_oldest});
  t.a.system.run([&](context self) -> task<> {
    co_await send_wares(self, t, 5);  // as many as are held until it looks at its mail, and less
    t.open_shop();
    const auto seen = co_await wares_of(self, t);
    // The request may have taken the place of one.
    const bool the_last = seen == std::vector{3, 4, 5} || seen == std::vector{4, 5};
    CHECK(the_last);
  });
}
