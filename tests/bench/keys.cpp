// What a key costs: calls of processes by key against calls by pid, and a node that joins.
#include <troupe/net/sharding.hpp>

#include <memory>
#include <string>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::infinity;
using troupe::pid;
using troupe::task;

struct next_number {
  using reply = std::int64_t;
};
struct who_is_it {
  using reply = pid;
};

class numbered : public troupe::server {
 public:
  using handles = troupe::messages<next_number, who_is_it>;
  explicit numbered(std::string /*key*/) {}
  std::int64_t handle(next_number) { return ++last_; }
  pid handle(who_is_it) { return self.id(); }

 private:
  std::int64_t last_ = 0;
};

const troupe::net::sharding<numbered> keys("keys");

// A node of this program that has keys, or only asks for them.
struct key_node {
  key_node(run& bench, std::string name, const std::string& directory_at)
      : system(bench.options()),
        node(system, {.name = std::move(name), .cookie = "the cookie of troupe-bench"}),
        names({"directory", directory_at.empty() ? node.name() : directory_at}) {
    if (directory_at.empty())
      system.supervise(
          troupe::one_for_one{},
          {troupe::net::directory_child("directory", {.give_after = std::chrono::nanoseconds{0}})});
    else
      node.connect(directory_at);
  }
  ~key_node() {
    system.run([&](context self) -> task<> {
      const auto ended = self.monitor(tree);
      system.exit(tree, troupe::exit_reason::shutdown);
      (void)co_await self.receive<troupe::down>([ended](const auto& m) { return m.ref == ended; });
    });
  }
  key_node(const key_node&) = delete;
  key_node& operator=(const key_node&) = delete;
  void host() {
    tree = system.supervise(troupe::one_for_one{}, {keys.child(node, names, {.idle = infinity})});
  }
  void ask_only() { tree = system.supervise(troupe::one_for_one{}, {keys.proxy(node, names)}); }
  [[nodiscard]] task<std::int64_t> held(context self) const {
    const auto now = co_await keys.status(self);
    std::int64_t count = 0;
    for (const auto& shard : now.shards) count += shard.token != 0 ? 1 : 0;
    co_return count;
  }

  troupe::system system;
  troupe::net::node node;
  troupe::net::directory names;
  pid tree;
};

// The mean time of a call in microseconds.
template <class Call>
task<double> time_of(context self, std::int64_t count, Call call) {
  std::int64_t before = co_await call();
  const auto start = self.now();
  for (std::int64_t i = 0; i < count; ++i)
    expect_equal("the number of a call", co_await call(), ++before);
  const std::chrono::duration<double, std::micro> taken = self.now() - start;
  co_return taken.count() / static_cast<double>(count);
}

void call_both_ways(run& bench, key_node& from, std::int64_t count) {
  from.system.run([&](context self) -> task<> {
    const pid to = co_await keys.call(self, "a key", who_is_it{}, infinity);
    const double by_pid = co_await time_of(self, count, [&]() -> task<std::int64_t> {
      co_return co_await self.call(to, next_number{}, infinity);
    });
    const double by_key = co_await time_of(self, count, [&]() -> task<std::int64_t> {
      co_return co_await keys.call(self, "a key", next_number{}, infinity);
    });
    bench.report(by_key, "us/call");
    bench.report(by_pid, "us/call", "by_pid");
  });
}

}  // namespace

void key_call(run& bench) {
  key_node here(bench, "here@127.0.0.1:0", {});
  here.host();
  call_both_ways(bench, here, bench.times(200'000));
}

void remote_key_call(run& bench) {
  key_node here(bench, "here@127.0.0.1:0", {});
  key_node there(bench, "there@127.0.0.1:0", here.node.name());
  here.host();
  there.ask_only();
  call_both_ways(bench, there, bench.times(20'000));
}

void key_join(run& bench) {
  constexpr std::int64_t processes = 10'000;
  key_node here(bench, "here@127.0.0.1:0", {});
  key_node there(bench, "there@127.0.0.1:0", here.node.name());
  here.host();
  here.system.run([&](context self) -> task<> {
    for (std::int64_t i = 0; i < bench.times(processes); ++i)
      (void)co_await keys.call(self, std::to_string(i), next_number{}, infinity);
    const std::int64_t all = co_await here.held(self);
    const auto start = self.now();
    there.host();
    // Until what has left here is there.
    for (std::int64_t left = all; left == all || left + there.system.run([&](context other) {
           return there.held(other);
         }) < all;
         left = co_await here.held(self))
      co_await self.sleep(std::chrono::milliseconds(1));
    const std::chrono::duration<double, std::milli> taken = self.now() - start;
    bench.report(taken.count(), "ms");
  });
}

}  // namespace bench
