// Stages whose producer is on another node.
#include <troupe/stage.hpp>

#include <numeric>
#include <vector>

#include "net/cluster_support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;

namespace {

using ints = std::vector<int>;
struct got {
  ints events;
};

class remote_numbers : public troupe::producer<int> {
 public:
  using handles = troupe::messages<die>;
  explicit remote_numbers(int end) : end_(end) {}
  ints handle_demand(std::size_t wanted) {
    ints given(std::min(wanted, static_cast<std::size_t>(end_ - next_)));
    std::iota(given.begin(), given.end(), next_);
    next_ += static_cast<int>(given.size());
    return given;
  }
  void handle(die d) { throw std::runtime_error(d.why); }

 private:
  int end_;
  int next_ = 0;
};

class local_sink : public troupe::consumer<int> {
 public:
  local_sink(pid watcher, const std::string& name, const std::string& node,
             const troupe::subscription_options& how)
      : watcher_(watcher) {
    subscribe_to({name, node}, how);
  }
  void handle_events(ints events) { self.send(watcher_, got{std::move(events)}); }

 private:
  pid watcher_;
};

task<ints> take(context self, std::size_t count) {
  ints all;
  while (all.size() < count) {
    const got g = co_await self.receive<got>();
    all.insert(all.end(), g.events.begin(), g.events.end());
  }
  co_return all;
}
ints up_to(int end) {
  ints all(static_cast<std::size_t>(end));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("a consumer takes events of a producer on another node and ends with it") {
  two_nodes t;
  t.b.system.spawn_with<remote_numbers>({.name = "numbers"}, 200);
  t.a.system.run([&](context self) -> task<> {
    (void)self.spawn_with<local_sink>({.monitor = true}, self.id(), "numbers", t.b.name(),
                                      troupe::subscription_options{.max_demand = 7});
    CHECK(co_await take(self, 200) == up_to(200));
    const auto counts = co_await counts_of(self, {"numbers", t.b.name()});
    CHECK(counts.consumers == 1);
    CHECK(counts.delivered == 200);
    CHECK(counts.asked <= 207);
    self.send({"numbers", t.b.name()}, die{"boom"});
    CHECK((co_await self.receive<troupe::down>()).reason ==
          exit_reason::error("std::runtime_error", "boom"));
  });
}

TEST_CASE("a subscription to a name on another node is made again when its process is restarted") {
  two_nodes t;
  t.b.system.supervise(troupe::one_for_one{},
                       {troupe::child<remote_numbers>("numbers", 5).registered()});
  t.a.system.run([&](context self) -> task<> {
    const pid to = self.spawn<local_sink>(
        self.id(), "numbers", t.b.name(),
        troupe::subscription_options{
            .max_demand = 4, .cancel = troupe::cancel_mode::temporary, .retry = 1ms});
    CHECK(co_await take(self, 5) == up_to(5));
    self.send({"numbers", t.b.name()}, die{"boom"});
    CHECK(co_await take(self, 5) == up_to(5));
    self.exit(to, exit_reason::kill);
    while ((co_await counts_of(self, {"numbers", t.b.name()})).consumers > 0) co_await self.yield();
  });
  t.b.system.exit(t.b.system.whereis("numbers"), exit_reason::shutdown);
}
