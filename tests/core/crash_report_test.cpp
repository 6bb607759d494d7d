// What is logged when a process ends by failure, and what is not.
#include "core/support.hpp"

#include <algorithm>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::exit_reason;
using troupe::log_level;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct order {
  int item;
};
struct unwanted {};

class shop : public troupe::server {
 public:
  using handles = troupe::messages<order, are_you_there>;
  explicit shop(bool opens) {
    if (!opens) throw std::runtime_error("no key");
  }
  void handle(order o) { throw std::out_of_range("item " + std::to_string(o.item)); }
  void handle(are_you_there) {}
  void terminate(const exit_reason&) override {
    if (throws_at_end) throw std::runtime_error("cannot close");
  }
  static inline std::atomic<bool> throws_at_end{false};
};

// What is logged as an error when a process of that body is run to its end.
template <class Body>
std::string report_of(Body body) {
  checked_system sys;
  sys->run([&](context self) -> task<> {
    self.spawn_monitor(body);
    (void)co_await self.receive<troupe::down>();
  });
  return sys.log->text(log_level::error);
}

}  // namespace

TEST_CASE(
    "a crash report names the process, its parent, the cause, the last message and the mailbox") {
  checked_system sys;
  pid crashed, parent;
  sys->run([&](context self) -> task<> {
    parent = self;
    crashed = self.spawn_with({.name = "till", .monitor = true},
                              [](context me) -> process {
                                (void)co_await me.receive<unwanted>();  // the order waits meanwhile
                                co_await me.receive([](order o) {
                                  throw std::invalid_argument("no item " + std::to_string(o.item));
                                });
                              })
                  .id;
    self.send(crashed, order{7});
    for (int i = 0; i < 4; ++i) self.send(crashed, unwanted{});
    (void)co_await self.receive<troupe::down>();
  });
  const std::string report = sys.log->text(log_level::error);
  CHECK_THAT(report, ContainsSubstring("process " + to_string(crashed) + " till ("));
  CHECK_THAT(report, ContainsSubstring("crashed: error std::invalid_argument: no item 7"));
  CHECK_THAT(report, ContainsSubstring("parent " + to_string(parent)));
  CHECK_THAT(report, ContainsSubstring("last message order"));
  CHECK_THAT(report, ContainsSubstring("mailbox length 3"));
  CHECK(std::count(report.begin(), report.end(), '\n') == 1);
}

TEST_CASE("the cause in a report tells what was thrown, of std or not") {
  CHECK_THAT(report_of([](context) -> process {
               throw std::runtime_error("text");
               co_return;
             }),
             ContainsSubstring("crashed: error std::runtime_error: text;"));
  CHECK_THAT(report_of([](context) -> process {
               throw 42;
               co_return;
             }),
             ContainsSubstring("crashed: error int;"));
  CHECK_THAT(report_of([](context) -> process {
               throw std::string("thrown");
               co_return;
             }),
             ContainsSubstring("crashed: error std::") && ContainsSubstring("string"));
  CHECK_THAT(report_of([](context me) -> process {
               me.exit(exit_reason::of(order{3}));
               co_return;
             }),
             ContainsSubstring("crashed: order{3};"));
}

TEST_CASE("an exception in a nested task or in what a timer or signal started is reported once") {
  const std::string report = report_of([](context me) -> process {
    me.send_after(1ms, me.id(), order{1});
    const auto inner = [](context self) -> task<> {
      co_await self.receive([](order) -> task<> { throw std::runtime_error("deep"); });
    };
    co_await inner(me);
  });
  CHECK_THAT(report, ContainsSubstring("error std::runtime_error: deep") &&
                         ContainsSubstring("without a name") && ContainsSubstring("order"));
  CHECK(std::count(report.begin(), report.end(), '\n') == 1);
}

TEST_CASE("a server's report names its class, whether its constructor or a handler threw") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    self.spawn_with<shop>({.monitor = true}, false);
    CHECK((co_await self.receive<troupe::down>()).reason ==
          exit_reason::error("std::runtime_error", "no key"));
    const auto open = self.spawn_with<shop>({.monitor = true}, true);
    self.send(open.id, order{9});
    CHECK((co_await self.receive<troupe::down>()).reason ==
          exit_reason::error("std::out_of_range", "item 9"));
  });
  const std::string reports = sys.log->text(log_level::error);
  CHECK_THAT(reports, ContainsSubstring("(shop) crashed: error std::runtime_error: no key"));
  CHECK_THAT(reports, ContainsSubstring("(shop) crashed: error std::out_of_range: item 9"));
}

TEST_CASE("an exception in terminate is logged, and the reason stays") {
  checked_system sys;
  shop::throws_at_end = true;
  sys->run([](context self) -> task<> {
    const auto s = self.spawn_with<shop>({.monitor = true}, true);
    co_await self.call(s.id, are_you_there{});
    self.exit(s.id, exit_reason::shutdown);
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::shutdown);
  });
  shop::throws_at_end = false;
  CHECK_THAT(sys.log->text(log_level::error),
             ContainsSubstring("terminate threw error std::runtime_error: cannot close") &&
                 ContainsSubstring("ends with shutdown"));
}

TEST_CASE("an end that was meant, or that another process caused, is not reported") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct stop {
      exit_reason reason;
    };
    const auto stopper = [](context me) -> process {
      co_await me.receive([&](stop s) { me.exit(s.reason); });
    };
    for (const exit_reason& meant : {exit_reason::normal, exit_reason::shutdown,
                                     exit_reason::shutdown_with(std::string("upgrade"))}) {
      const auto p = self.spawn_monitor(stopper);
      self.send(p.id, stop{meant});
      CHECK((co_await self.receive<troupe::down>()).reason == meant);
    }
    for (const exit_reason& sent :
         {exit_reason::kill, exit_reason::shutdown, exit_reason::error("some", "error")}) {
      const auto p = self.spawn_monitor(stopper);
      self.exit(p.id, sent);
      (void)co_await self.receive<troupe::down>();
    }
  });
  CHECK(sys.log->text(log_level::debug).empty());
}

TEST_CASE("of processes that end with their link's failure only the one that failed is reported") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn_monitor([](context me) -> process {
      me.spawn_link([](context) -> process {
        throw std::runtime_error("first");
        co_return;
      });
      co_await me.sleep(1h);
    });
    CHECK((co_await self.receive<troupe::down>()).from == p.id);
  });
  const std::string report = sys.log->text(log_level::debug);
  CHECK(std::count(report.begin(), report.end(), '\n') == 1);
}

TEST_CASE("a message that a server does not handle is a warning that names both") {
  checked_system sys;
  const auto s = sys->spawn<shop>(true);
  sys->send(s.id(), unwanted{});
  sys->call(s, are_you_there{});
  sys->exit(s, exit_reason::shutdown);
  sys.await_counts({});
  CHECK(sys.log->text(log_level::error).empty());
  const std::string warning = sys.log->text(log_level::warning);
  CHECK_THAT(warning, ContainsSubstring(to_string(s.id())) && ContainsSubstring("shop") &&
                          ContainsSubstring("unwanted"));
}
