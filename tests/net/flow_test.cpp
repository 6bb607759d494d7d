// What two real nodes do when one sends more than the other takes. The rest is in
// sim/flow_test.cpp.
#include <atomic>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::process;

namespace {

struct crate {
  std::uint64_t number;
  std::string content;
};
constexpr std::size_t crate_bytes = 1000;
constexpr std::size_t mib = 1 << 20;

}  // namespace

TEST_CASE("what lies unread on a node stays within its limit and all of it arrives in the end") {
  test_node a{{}, "a"};
  test_node b{{.unread_bytes = mib}, "b"};
  constexpr std::uint64_t count = 60'000;  // of a kilobyte
  // The allowance, what waits at the sender, and what sockets hold.
  constexpr std::uint64_t most = 20 * mib / crate_bytes;
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> read{0};
  std::uint64_t out_of_order = 0;
  std::atomic<bool> opened{false};
  b.system.spawn_with({.name = "reader"}, [&](context self) -> process {
    co_await self.blocking([&] { opened.wait(false); });
    for (std::uint64_t next = 1; next <= count; ++next) {
      const auto got = co_await self.receive<crate>();
      out_of_order += got.number == next ? 0 : 1;
      read = next;
    }
  });
  b.system.spawn_with({.name = "echo"}, echo);
  a.system.spawn([&, to = b.name()](context self) -> process {
    for (std::uint64_t i = 1; i <= count; ++i) {
      self.send({"reader", to}, crate{i, std::string(crate_bytes, 'x')});
      sent = i;
      co_await self.yield();
    }
  });
  REQUIRE(comes_true([&] { return sent > 100; }));
  // Time in which it could send all, and in which others are served.
  for (int i = 0; i < 2000; ++i) REQUIRE(a.system.call({"echo", b.name()}, ask{i}) == i + 1);
  CHECK(sent < most);
  opened = true;
  opened.notify_all();
  CHECK(comes_true([&] { return read == count; }));
  CHECK(out_of_order == 0);
  CHECK(a.comes_to_rest());
}

TEST_CASE("a thread that sends too much to a process that reads nothing is refused and told") {
  test_node a{{}, "a"};
  test_node b{{.unread_bytes = mib}, "b"};
  b.system.spawn_with({.name = "deaf"}, [](context self) -> process { co_await self.sleep(1h); });
  const troupe::destination deaf("deaf", b.name());
  b.system.spawn_with({.name = "echo"}, echo);
  CHECK(comes_true([&] {
    if (!a.system.try_send(deaf, crate{1, std::string(50 * crate_bytes, 'x')})) return true;
    REQUIRE(a.system.call({"echo", b.name()}, ask{1}) == 2);
    return false;
  }));
  CHECK(a.log->has("when_busy"));
  b.system.exit(b.system.whereis("deaf"), troupe::exit_reason::kill);
}

TEST_CASE("nodes say at once what they cannot do when too much is sent") {
  CHECK_THROWS_AS((test_node{{.when_busy = troupe::overflow::drop_oldest}, "a"}),
                  troupe::net::node_error);
}
