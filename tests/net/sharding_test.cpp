// Processes under keys, spread over the nodes of a cluster.
#include <troupe/net/sharding.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "net/cluster_support.hpp"
#include "sharding/placement.hpp"

using namespace troupe_test;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::net::directory;
using troupe::net::lease_options;
using troupe::net::shard_key;
using troupe::net::shard_of;
using troupe::net::sharding;
using troupe::net::sharding_options;
using troupe::net::sharding_status;
using troupe::net::internal::owner_of;

namespace {

// Too long to run out while a test runs, on however busy a machine.
constexpr lease_options patient = {.ttl = 10min};
constexpr lease_options brief = {.ttl = 1s, .stop_time = 200ms};

struct put {
  int value;
};
struct tenant_view {
  std::string key;
  std::uint64_t token = 0;
  pid process;
  std::vector<int> values;
};
struct look_at {
  using reply = tenant_view;
};
struct fail_now {
  using reply = int;
};
struct answer_to {
  pid who;
};
// Its handler waits for `go_on`, sent to the process itself.
struct pause_for {
  pid tell;
};
struct go_on {};
struct paused {
  pid process;
};
// Calls another key, without a limit of its own.
struct ask_key {
  using reply = std::string;
  std::string key;
};
struct not_for_others {
  std::shared_ptr<const int> hidden;
};

// What the processes of a test did, on all its nodes.
struct diary {
  std::mutex mutex;
  std::map<std::string, int> alive;
  bool two_at_once = false;
  std::atomic<int> handled{0};
};
using diary_ptr = std::shared_ptr<diary>;

class tenant : public troupe::server {
 public:
  using handles =
      troupe::messages<put, look_at, fail_now, answer_to, pause_for, ask_key, not_for_others>;
  tenant(shard_key at, diary_ptr seen) : at_(std::move(at)), seen_(std::move(seen)) {
    const std::lock_guard lock(seen_->mutex);
    if (++seen_->alive[at_.key] > 1) seen_->two_at_once = true;
  }
  ~tenant() override {
    const std::lock_guard lock(seen_->mutex);
    --seen_->alive[at_.key];
  }
  void handle(put m) {
    values_.push_back(m.value);
    ++seen_->handled;
  }
  tenant_view handle(look_at) { return {at_.key, at_.token, self.id(), values_}; }
  int handle(fail_now) { throw std::runtime_error("a tenant fails"); }
  void handle(answer_to m) { self.send(m.who, number{static_cast<int>(values_.size())}); }
  task<> handle(pause_for m) {
    self.send(m.tell, paused{self.id()});
    co_await self.receive<go_on>();
  }
  task<std::string> handle(ask_key m) {
    const sharding<tenant> all("tenants");
    auto answer = co_await all.try_call(self, m.key, look_at{}, troupe::infinity);
    co_return answer ? "answered" : to_string(answer.reason());
  }
  void handle(const not_for_others&) {}

 private:
  const shard_key at_;
  const diary_ptr seen_;
  std::vector<int> values_;
};

const sharding<tenant> tenants("tenants");

// Three nodes with the directory on the first; which of them run the child is up to the test.
struct shard_nodes {
  explicit shard_nodes(lease_options how = patient)
      : names({"names", a.name()}, how),
        directory_tree(a.system.supervise(
            troupe::one_for_one{.intensity = 10},
            {troupe::net::directory_child("names", {.max_ttl = patient.ttl, .give_after = 0s})})) {
    for (test_node* const each : {&b, &c}) each->node->connect(a.name());
    b.node->connect(c.name());
  }
  ~shard_nodes() {
    for (auto at = trees.rbegin(); at != trees.rend(); ++at) stop(*at->first, at->second);
    a.system.exit(directory_tree, exit_reason::shutdown);
    const std::lock_guard lock(seen->mutex);
    CHECK_FALSE(seen->two_at_once);
    CHECK(std::ranges::all_of(seen->alive, [](const auto& key) { return key.second == 0; }));
  }

  void run_child(test_node& where, sharding_options options = {}) {
    run(where, tenants.child(*where.node, names, options, seen));
  }
  void run_proxy(test_node& where, sharding_options options = {}) {
    run(where, tenants.proxy(*where.node, names, options));
  }
  void run(test_node& where, troupe::child_spec what) {
    trees.emplace_back(
        &where, where.system.supervise(troupe::one_for_one{.intensity = 10}, {std::move(what)}));
  }
  // Hands its shards over.
  void stop_child(test_node& where) {
    const auto at = std::ranges::find(trees, &where, [](const auto& tree) { return tree.first; });
    stop(where, at->second);
    trees.erase(at);
  }
  static void stop(test_node& where, pid tree) {
    where.system.run([&](context self) -> task<> {
      const auto ref = self.monitor(tree);
      where.system.exit(tree, exit_reason::shutdown);
      co_await self.receive<troupe::down>([ref](const auto& d) { return d.ref == ref; });
    });
  }
  // Until each of these nodes has the shards that belong to it, and no others.
  static void settle(const std::vector<test_node*>& members) {
    std::set<std::string> nodes;
    for (const test_node* const each : members) nodes.insert(each->name());
    for (test_node* const each : members)
      CHECK(comes_true([&] {
        return std::ranges::all_of(status(*each).shards, [&](const auto& s) {
          return (s.token != 0) == (owner_of(s.number, nodes) == each->name());
        });
      }));
  }
  static sharding_status status(test_node& of) {
    return of.system.run(
        [](context self) -> task<sharding_status> { co_return co_await tenants.status(self); });
  }
  static tenant_view look(test_node& from, std::string key) {
    return from.system.run([&](context self) -> task<tenant_view> {
      co_return co_await tenants.call(self, key, look_at{}, 20s);
    });
  }
  // How many shards this node has the lease of.
  static std::size_t held(test_node& of) {
    return static_cast<std::size_t>(
        std::ranges::count_if(status(of).shards, [](const auto& s) { return s.token != 0; }));
  }

  test_node a{{}, "a"};
  test_node b{{}, "b"};
  test_node c{{}, "c"};
  directory names;
  troupe::supervisor_ref directory_tree;
  diary_ptr seen = std::make_shared<diary>();
  std::vector<std::pair<test_node*, pid>> trees;
};

std::string key_number(int i) { return "key " + std::to_string(i); }

}  // namespace

TEST_CASE("the first message for a key starts its process on the node that has its shard") {
  shard_nodes t;
  t.run_child(t.a);
  t.run_child(t.b);
  t.settle({&t.a, &t.b});
  const std::set<std::string> nodes = {t.a.name(), t.b.name()};
  for (int i = 0; i < 20; ++i) {
    const std::string key = key_number(i);
    const tenant_view from_a = t.look(t.a, key);
    const tenant_view from_b = t.look(t.b, key);
    CHECK(from_a.key == key);
    CHECK(from_a.token != 0);
    CHECK(from_a.token == from_b.token);
    CHECK(from_a.process.id == from_b.process.id);
    const bool on_a = owner_of(shard_of(key, 128), nodes) == t.a.name();
    CHECK(from_a.process.local() == on_a);
    CHECK(from_b.process.local() == !on_a);
  }
  CHECK(t.status(t.a).processes + t.status(t.b).processes == 20);
  CHECK(t.status(t.a).processes > 0);
  CHECK(t.status(t.b).processes > 0);
  CHECK(t.status(t.a).members == std::vector<std::string>(nodes.begin(), nodes.end()));
}

TEST_CASE("what a process sends to a key arrives in order on whatever node the key is") {
  shard_nodes t;
  t.run_child(t.a);
  t.run_child(t.b);
  t.settle({&t.a, &t.b});
  t.a.system.run([&](context self) -> task<> {
    for (int i = 0; i < 100; ++i)
      for (int k = 0; k < 8; ++k) tenants.send(self, key_number(k), put{i});
    for (int k = 0; k < 8; ++k) {
      const tenant_view seen = co_await tenants.call(self, key_number(k), look_at{}, 20s);
      REQUIRE(seen.values.size() == 100);
      CHECK(std::ranges::is_sorted(seen.values));
    }
  });
}

TEST_CASE("a pid in a message to a key leads to its process from every node") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.a);
  t.a.system.run([&](context self) -> task<> {
    const pid far = t.c.system.spawn(echo);
    (void)far;
    tenants.send(self, "a key", put{1});
    tenants.send(self, "a key", answer_to{self.id()});
    CHECK((co_await self.receive<number>()).value == 1);
    t.c.system.exit(far, exit_reason::kill);
  });
}

TEST_CASE("a node that does not run the child reaches keys by a proxy") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.c);
  const tenant_view seen = t.look(t.c, "a key");
  CHECK_FALSE(seen.process.local());
  CHECK(t.held(t.c) == 0);
  CHECK(t.status(t.c).shards[shard_of("a key", 128)].node == t.b.name());
}

TEST_CASE("without a region on this node a call to a key fails with noproc") {
  shard_nodes t;
  t.a.system.run([&](context self) -> task<> {
    tenants.send(self, "a key", put{1});
    const auto answer = co_await tenants.try_call(self, "a key", look_at{});
    CHECK(answer.reason() == exit_reason::noproc);
    exit_reason why;
    try {
      (void)co_await tenants.status(self);
    } catch (const call_error& e) {
      why = e.reason();
    }
    CHECK(why == exit_reason::noproc);
  });
}

TEST_CASE(
    "a key whose process crashes is answered by a new one and the call fails with the reason") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.a);
  t.a.system.run([&](context self) -> task<> {
    const tenant_view first = co_await tenants.call(self, "a key", look_at{}, 20s);
    const auto failed = co_await tenants.try_call(self, "a key", fail_now{}, 20s);
    CHECK(failed.reason().text() == "a tenant fails");
    const tenant_view second = co_await tenants.call(self, "a key", look_at{}, 20s);
    CHECK(second.process != first.process);
    CHECK(second.token == first.token);
  });
  CHECK(t.status(t.b).processes == 1);
}

TEST_CASE("an idle process ends and no message that comes meanwhile is lost") {
  shard_nodes t;
  t.run_child(t.b, {.idle = 1ms});
  t.run_proxy(t.a);
  t.a.system.run([&](context self) -> task<> {
    for (int i = 1; i <= 300; ++i) {
      tenants.send(self, key_number(i % 3), put{i});
      co_await self.sleep(std::chrono::microseconds(self.random() % 2'000));
    }
  });
  CHECK(comes_true([&] { return t.seen->handled == 300; }));
  CHECK(comes_true([&] { return t.status(t.b).processes == 0; }));
  CHECK(t.status(t.a).refused == 0);
}

TEST_CASE("mail for a key whose process is being ended waits for the next process") {
  shard_nodes t;
  t.run_child(t.b, {.idle = 20ms});
  t.b.system.run([&](context self) -> task<> {
    tenants.send(self, "a key", put{1});
    tenants.send(self, "a key", pause_for{self.id()});
    const pid busy = (co_await self.receive<paused>()).process;
    // It has been told to end, and will when its handler is through.
    for (sharding_status now; now.buffered == 0; now = co_await tenants.status(self)) {
      co_await self.sleep(100ms);
      tenants.send(self, "a key", put{2});
    }
    self.send(busy, go_on{});
    for (tenant_view seen; seen.values.empty() || seen.process == busy;) {
      seen = co_await tenants.call(self, "a key", look_at{}, 20s);
      if (seen.process != busy && !seen.values.empty()) CHECK(seen.values.front() == 2);
      co_await self.yield();
    }
  });
}

TEST_CASE("a node that joins gets its shards when their processes have read their mail and ended") {
  shard_nodes t;
  t.run_child(t.a);
  t.run_proxy(t.c);
  t.settle({&t.a});
  std::map<std::string, tenant_view> before;
  for (int i = 0; i < 20; ++i) before[key_number(i)] = t.look(t.c, key_number(i));
  std::atomic<bool> enough{false};
  std::atomic<int> sent{0};
  const pid sender = t.c.system.spawn([&](context self) -> process {
    while (!enough) {
      tenants.send(self, key_number(sent % 20), put{sent});
      if (++sent % 50 == 0) co_await self.sleep(1ms);
    }
  });
  t.run_child(t.b);
  t.settle({&t.a, &t.b});
  enough = true;
  CHECK(comes_true([&] { return !t.c.system.alive(sender); }));
  CHECK(comes_true([&] { return t.seen->handled == sent; }));
  const std::set<std::string> nodes = {t.a.name(), t.b.name()};
  int moved = 0;
  for (const auto& [key, was] : before) {
    const tenant_view now = t.look(t.c, key);
    CHECK(std::ranges::is_sorted(now.values));
    if (owner_of(shard_of(key, 128), nodes) == t.a.name()) {
      CHECK(now.process == was.process);
      continue;
    }
    ++moved;
    CHECK(now.process != was.process);
    CHECK(now.token > was.token);
  }
  CHECK(moved > 0);
}

TEST_CASE("a node that leaves hands its shards over at once") {
  shard_nodes t;
  t.run_child(t.a);
  t.run_child(t.b);
  t.settle({&t.a, &t.b});
  for (int i = 0; i < 20; ++i) (void)t.look(t.a, key_number(i));
  t.a.system.run([&](context self) -> task<> {
    for (int i = 0; i < 20; ++i) tenants.send(self, key_number(i), put{i});
    co_return;
  });
  t.stop_child(t.b);  // the leases would last ten minutes
  t.settle({&t.a});
  CHECK(comes_true([&] { return t.seen->handled == 20; }));
  for (int i = 0; i < 20; ++i) CHECK(t.look(t.a, key_number(i)).process.local());
}

TEST_CASE("the shards of a node that is lost are elsewhere when its leases are over") {
  shard_nodes t(brief);
  t.run_child(t.a);
  t.run_child(t.b);
  t.settle({&t.a, &t.b});
  std::map<std::string, tenant_view> before;
  for (int i = 0; i < 20; ++i) before[key_number(i)] = t.look(t.a, key_number(i));
  t.b.node.reset();  // its processes live on, and must end in time
  for (const auto& [key, was] : before) {
    tenant_view now;
    t.a.system.run([&, k = key](context self) -> task<> {
      while (now.key.empty())
        if (auto answer = co_await tenants.try_call(self, k, look_at{}, 1s)) now = *answer;
    });
    CHECK(now.process.local());
    if (!was.process.local()) CHECK(now.token > was.token);
  }
}

TEST_CASE("mail for a shard that nobody has waits within a bound and is refused beyond it") {
  shard_nodes t;
  t.run_proxy(t.c, {.max_buffered = 3});
  t.c.system.run([&](context self) -> task<> {
    for (int i = 1; i <= 5; ++i) tenants.send(self, "a key", put{i});
    const auto answer = co_await tenants.try_call(self, "a key", look_at{}, 20s);
    CHECK(answer.reason().type() == troupe::net::sharding_refusal);
    const sharding_status now = co_await tenants.status(self);
    CHECK(now.buffered == 3);
    CHECK(now.refused == 3);
    CHECK(now.shards[shard_of("a key", 128)].buffered == 3);
  });
  CHECK(t.c.log->has("sharding tenants: a "));
  t.run_child(t.b);
  CHECK(comes_true([&] { return t.status(t.c).buffered == 0; }));
  CHECK(t.look(t.c, "a key").values == std::vector{1, 2, 3});
}

TEST_CASE("mail that waits is bounded in bytes too") {
  shard_nodes t;
  t.run_proxy(t.c, {.max_buffered_bytes = 2'000});
  t.c.system.run([&](context self) -> task<> {
    const std::string long_key(1'500, 'k');
    tenants.send(self, long_key, put{1});
    tenants.send(self, long_key, put{2});
    const sharding_status now = co_await tenants.status(self);
    CHECK(now.buffered == 1);
    CHECK(now.refused == 1);
  });
}

TEST_CASE("a call to a shard that nobody has ends with its time and takes no room after it") {
  shard_nodes t;
  t.run_proxy(t.c);
  t.c.system.run([&](context self) -> task<> {
    const auto answer = co_await tenants.try_call(self, "a key", look_at{}, 1ms);
    CHECK(answer.reason().type() == "troupe::timeout");
  });
  CHECK(comes_true([&] { return t.status(t.c).buffered == 0; }));
}

TEST_CASE("a call to a key made while serving a request has no more time than that") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.a);
  t.a.system.run([&](context self) -> task<> {
    // The key that is asked does not answer: it waits in a handler.
    tenants.send(self, "busy", pause_for{self.id()});
    const pid busy = (co_await self.receive<paused>()).process;
    const pid asks = (co_await tenants.call(self, "asks", look_at{}, 20s)).process;
    (void)asks;
    auto late = co_await tenants.try_call(self, "asks", ask_key{"busy"}, 50ms);
    if (late.has_value()) CHECK(*late != "answered");  // one of the two was told first
    // What it waited for has ended with the request: it answers the next one.
    CHECK((co_await tenants.call(self, "asks", look_at{}, 20s)).key == "asks");
    self.send(busy, go_on{});
    CHECK((co_await tenants.call(self, "asks", ask_key{"busy"}, 20s)) == "answered");
  });
}

TEST_CASE("messages for new keys are refused when a node has as many processes as it may") {
  shard_nodes t;
  t.run_child(t.b, {.max_processes = 2});
  t.run_proxy(t.a);
  t.a.system.run([&](context self) -> task<> {
    for (int i = 0; i < 2; ++i) (void)co_await tenants.call(self, key_number(i), look_at{}, 20s);
    const auto refused = co_await tenants.try_call(self, key_number(2), look_at{}, 20s);
    CHECK(refused.reason().type() == troupe::net::sharding_refusal);
    CHECK((co_await tenants.call(self, key_number(1), look_at{}, 20s)).key == key_number(1));
  });
  CHECK(t.status(t.b).processes == 2);
}

TEST_CASE("what cannot cross to another node is refused and counted where it is sent") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.a);
  (void)t.look(t.a, "a key");
  t.a.system.run([&](context self) -> task<> {
    tenants.send(self, "a key", not_for_others{});
    CHECK((co_await tenants.status(self)).refused == 1);
  });
  CHECK(t.a.log->has("cannot cross to another node"));
}

TEST_CASE("nodes with different numbers of shards are told so and send each other nothing") {
  shard_nodes t;
  t.run_child(t.b);
  t.settle({&t.b});
  t.run_proxy(t.a, {.shards = 64});
  t.a.system.run([&](context self) -> task<> {
    tenants.send(self, "a key", put{1});
    co_return;
  });
  CHECK(t.b.log->has("a node has 64 shards and this one 128"));
  CHECK(t.seen->handled == 0);
}

TEST_CASE("a region that is killed is restarted and its shards come back") {
  shard_nodes t;
  t.run_child(t.b);
  t.run_proxy(t.a);
  const tenant_view before = t.look(t.a, "a key");
  const pid region = t.b.system.whereis("tenants");
  t.b.system.exit(region, exit_reason::kill);
  CHECK(comes_true([&] {
    const pid now = t.b.system.whereis("tenants");
    return now && now != region;
  }));
  t.settle({&t.b});
  const tenant_view after = t.look(t.a, "a key");
  CHECK(after.token > before.token);
}

TEST_CASE("a directory that is away is told of once and not for each shard") {
  test_node a;
  const directory names({"nowhere", a.name()}, patient);
  const pid tree = a.system.supervise(
      troupe::one_for_one{}, {tenants.child(*a.node, names, {}, std::make_shared<diary>())});
  CHECK(a.log->has("cannot be claimed yet: nowhere on "));
  shard_nodes::stop(a, tree);
  std::size_t told = 0;
  const std::string log = a.log->text();
  for (std::size_t at = 0; (at = log.find("cannot be claimed yet", at)) != std::string::npos; ++at)
    ++told;
  CHECK(told == 1);
}

TEST_CASE("sharding options that contradict themselves are refused by name") {
  test_node a;
  const directory names({"names", a.name()}, patient);
  const auto refusal = [&](sharding_options options) {
    try {
      (void)tenants.proxy(*a.node, names, options);
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal({.shards = 0}).starts_with("sharding_options::shards of 'tenants'"));
  CHECK(refusal({.idle = 0s}).starts_with("sharding_options::idle of 'tenants'"));
  CHECK(refusal({.stop_time = -1s}).starts_with("sharding_options::stop_time of 'tenants'"));
  CHECK(refusal({.mailbox = {.messages = 1, .when_full = troupe::overflow::drop_oldest}})
            .starts_with("sharding_options::mailbox of 'tenants'"));
  const sharding<tenant> nameless("");
  CHECK_THROWS_AS(nameless.proxy(*a.node, names), std::invalid_argument);
}

TEST_CASE("a shard moves only if its owner has changed") {
  std::set<std::string> three = {"a@h:1", "b@h:1", "c@h:1"};
  std::set<std::string> two = {"a@h:1", "b@h:1"};
  std::map<std::string, int> count;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    const std::string of_three(owner_of(i, three));
    ++count[of_three];
    if (of_three != "c@h:1") CHECK(owner_of(i, two) == of_three);
  }
  for (const std::string& node : three) {
    CHECK(count[node] > 250);
    CHECK(count[node] < 420);
  }
  CHECK(owner_of(1, {}).empty());
  // The same in all versions: a change would move every key.
  CHECK(shard_of("", 1'000) == shard_of("", 1'000));
  CHECK(shard_of("blue-monday", 128) == 74);
}
