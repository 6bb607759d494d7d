// Names of which a cluster has each once, held by leases.
#include <troupe/net/directory.hpp>
#include <troupe/net/singleton.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "net/cluster_support.hpp"
#include "platform/token_file.hpp"

using namespace troupe_test;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::net::directory;
using troupe::net::lease;
using troupe::net::lease_lost;
using troupe::net::lease_options;
using troupe::net::name_changed;
using troupe::net::name_holder;

namespace {

// Too long to run out while a test runs, on however busy a machine.
constexpr lease_options patient = {.ttl = 10min};
// For tests that wait for the end of a lease.
constexpr lease_options brief = {.ttl = 1s, .stop_time = 100ms};

// Two nodes, and a directory on the first.
struct with_directory : two_nodes {
  [[nodiscard]] directory names(lease_options how = patient) const {
    return directory({"names", a.name()}, how);
  }
  ~with_directory() {
    stop_directory();
    CHECK(a.comes_to_rest());
    CHECK(b.comes_to_rest());
  }
  void stop_directory() { a.system.exit(tree, exit_reason::shutdown); }

  troupe::supervisor_ref tree =
      a.system.supervise(troupe::one_for_one{.intensity = 10},
                         {troupe::net::directory_child(
                             "names", {.max_ttl = patient.ttl, .give_after = 0s, .max_names = 2})});
};

struct told_token {
  std::uint64_t token;
};

// Has the name until it is told to end.
process holder(context self, directory names, std::string name, pid tell) {
  const lease held = co_await names.claim(self, name);
  self.send(tell, told_token{held.token()});
  for (;;)
    co_await self.receive([&](troupe::request<ask> r) { r.reply(r->value + 1); },
                          [&](die d) {
                            if (d.why == "normal") self.exit(exit_reason::normal);
                            throw std::runtime_error(d.why);
                          });
}

task<std::uint64_t> next_token(context self) {
  co_return (co_await self.receive<told_token>()).token;
}

}  // namespace

TEST_CASE("a name of the cluster has one holder and leads to it from every node") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    const pid first = self.spawn(holder, names, std::string("leader"), self.id());
    const std::uint64_t token = co_await next_token(self);
    const name_holder found = co_await names.find(self, "leader");
    CHECK(found.process == first);
    CHECK(found.token == token);
    const auto none = co_await names.try_claim(self, "leader");
    CHECK_FALSE(none.has_value());
    const auto other = co_await names.try_claim(self, "another");
    CHECK(other.has_value());
    CHECK(other->token() > token);
    CHECK(other->held(self));
    self.register_as("tester");
    const auto ref = self.monitor(first);
    t.a.system.spawn([names, node = t.b.name()](context there) -> process {
      const int answer = co_await names.call(there, "leader", ask{1});
      there.send({"tester", node}, number{answer});
      co_await names.send(there, "leader", die{"normal"});
    });
    CHECK((co_await self.receive<number>()).value == 2);
    CHECK((co_await self.receive<troupe::down>()).ref == ref);
  });
}

TEST_CASE("a call to a name that nobody has fails with noproc and a message is dropped") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    co_await names.send(self, "nobody", die{"never"});
    exit_reason why;
    try {
      (void)co_await names.call(self, "nobody", ask{1});
    } catch (const call_error& e) {
      why = e.reason();
    }
    CHECK(why == exit_reason::noproc);
  });
}

TEST_CASE("who waits for a name of a directory that is not there has it when that is started") {
  two_nodes t;
  const directory names({"later", t.a.name()}, patient);
  const pid waits = t.b.system.spawn([names](context self) -> process {
    const lease held = co_await names.claim(self, "leader");
    co_await self.receive<die>();
  });
  CHECK(t.b.log->has("the name 'leader' cannot be claimed yet: later on " + t.a.name() +
                     " does not answer (noproc)"));
  const pid tree = t.a.system.supervise(
      troupe::one_for_one{},
      {troupe::net::directory_child("later", {.max_ttl = patient.ttl, .give_after = 0s})});
  t.b.system.run([&](context self) -> task<> {
    (void)names.watch(self, "leader");
    for (pid now; now != waits;) now = (co_await self.receive<name_changed>()).holder.process;
    self.send(waits, die{});
  });
  t.a.system.exit(tree, exit_reason::shutdown);
  CHECK(t.b.comes_to_rest());
}

TEST_CASE("who waits for a name gets it when its holder has ended with a greater token") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    const pid first = self.spawn(holder, names, std::string("leader"), self.id());
    const std::uint64_t token = co_await next_token(self);
    const pid second = t.a.system.spawn([&](context me) -> process {
      const lease held = co_await names.claim(me, "leader");
      me.send({"tester", t.b.name()}, told_token{held.token()});
      co_await me.receive<die>();
      co_await names.release(me, held);
      me.send({"tester", t.b.name()}, number{held.held(me) ? 1 : 0});
      co_await me.receive<die>();
    });
    self.register_as("tester");
    self.send(first, die{"a crash"});
    const std::uint64_t next = co_await next_token(self);
    CHECK(next > token);
    t.a.system.send(second, die{});
    const lease held = co_await names.claim(self, "leader");
    CHECK(held.token() > next);
    CHECK((co_await self.receive<number>()).value == 0);
    CHECK(t.a.system.alive(second));
    t.a.system.send(second, die{});
  });
}

TEST_CASE("a process that ends while it waits for a name does not get it") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    const lease held = co_await names.claim(self, "leader");
    const auto waits = self.spawn_monitor(holder, names, std::string("leader"), self.id());
    co_await self.yield();
    self.exit(waits.id, exit_reason::kill);
    co_await self.receive<troupe::down>();
    co_await names.release(self, held);
    const lease again = co_await names.claim(self, "leader");
    CHECK(again.token() > held.token());
  });
}

TEST_CASE("who watches a name is told who has it and each change") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    (void)names.watch(self, "leader");
    const auto nobody = co_await self.receive<name_changed>();
    CHECK(nobody.name == "leader");
    CHECK_FALSE(nobody.holder.process);
    const pid first = self.spawn(holder, names, std::string("leader"), self.id());
    const auto somebody = co_await self.receive<name_changed>();
    CHECK(somebody.holder.process == first);
    self.exit(first, exit_reason::kill);
    const auto gone = co_await self.receive<name_changed>();
    CHECK(gone.holder == name_holder{});
  });
}

TEST_CASE("a name that was assigned leads to that process and ends with it") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    const lease held = co_await names.claim(self, "worker");
    const pid worker = self.spawn(echo);
    co_await names.assign(self, held, worker);
    const name_holder found = co_await names.find(self, "worker");
    CHECK(found.process == worker);
    CHECK(found.token == held.token());
    self.exit(worker, exit_reason::kill);
    const lease again = co_await names.claim(self, "worker");
    CHECK(again.token() > held.token());
  });
}

TEST_CASE("a process to which a name was assigned ends with who claimed the name") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const pid worker = self.spawn([](context me) -> process {
      me.trap_exits(true);
      co_await me.receive<die>();
    });
    const auto ref = self.monitor(worker);
    self.spawn([&t, worker](context me) -> process {
      const directory names = t.names();
      const lease held = co_await names.claim(me, "worker");
      co_await names.assign(me, held, worker);
    });
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == ref);
    CHECK(ended.reason == exit_reason::killed);
  });
}

TEST_CASE("a holder ends with lease_lost when its directory is gone") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const auto held = self.spawn_monitor(holder, t.names(brief), std::string("leader"), self.id());
    const std::uint64_t token = co_await next_token(self);
    t.stop_directory();
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == held.ref);
    const lease_lost* const why = ended.reason.get_if<lease_lost>();
    REQUIRE(why != nullptr);
    CHECK(*why == lease_lost{"leader", token});
  });
  CHECK(t.b.log->has("the lease of 'leader' could not be kept"));
}

TEST_CASE("a holder that traps exits is told of the loss and killed if it does not end") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const auto held = self.spawn_monitor([&t, tester = self.id()](context me) -> process {
      me.trap_exits(true);
      const lease mine = co_await t.names(brief).claim(me, "leader");
      me.send(tester, told_token{mine.token()});
      const auto told = co_await me.receive<exit_signal>();
      CHECK(told.from == mine.guard());
      CHECK(told.reason.get_if<lease_lost>() != nullptr);
      co_await me.receive<die>();
    });
    co_await next_token(self);
    t.stop_directory();
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == held.ref);
    CHECK(ended.reason == exit_reason::killed);
  });
}

TEST_CASE("a holder that traps exits lives on if it gives the lost name back in time") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names({.ttl = 21s, .stop_time = 20s});
    self.trap_exits(true);
    const lease mine = co_await names.claim(self, "leader");
    t.stop_directory();
    const auto told = co_await self.receive<exit_signal>();
    CHECK(told.reason.get_if<lease_lost>() != nullptr);
    co_await names.release(self, mine);
    CHECK_FALSE(mine.held(self));
  });
}

TEST_CASE("a directory refuses names and leases beyond its limits and says which") {
  with_directory t;
  t.b.system.run([&](context self) -> task<> {
    std::string text;
    try {
      (void)co_await t.names({.ttl = 11min}).claim(self, "leader");
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK(text.find("directory_options::max_ttl") != std::string::npos);
    try {
      (void)co_await t.names().try_claim(self, std::string(256, 'x'));
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK(text.find("1 to 255 bytes") != std::string::npos);
    const lease one = co_await t.names().claim(self, "one");
    const lease two = co_await t.names().claim(self, "two");
    try {
      (void)co_await t.names().try_claim(self, "three");
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK(text.find("directory_options::max_names") != std::string::npos);
    const directory names = t.names();
    co_await names.release(self, one);
    const lease three = co_await names.claim(self, "three");
    CHECK(three.held(self));
  });
  CHECK_THROWS_AS(t.names({.ttl = 1s, .stop_time = 1s}), std::invalid_argument);
  CHECK_THROWS_AS(t.names({.drift = 1}), std::invalid_argument);
}

// --- singletons ---------------------------------------------------------------------------------

namespace {

struct counts {
  std::atomic<int> running{0};
  std::atomic<int> started{0};
  std::atomic<int> most{0};
};

class only_one final : public troupe::server {
 public:
  using handles = troupe::messages<die, ask>;
  explicit only_one(counts* all) : all_(all) {
    ++all_->started;
    const int now = ++all_->running;
    all_->most = std::max(all_->most.load(), now);
  }
  ~only_one() override { --all_->running; }
  void handle(const die& d) const {
    self.exit(exit_reason::of(number{static_cast<int>(d.why.size())}));
  }
  [[nodiscard]] int handle(ask a) const { return a.value + 1; }

 private:
  counts* all_;
};

troupe::supervisor_ref run_singleton(test_node& on, const directory& names, counts& all) {
  return on.system.supervise(
      troupe::one_for_one{.intensity = 100},
      {troupe::net::singleton(names, "only", troupe::child<only_one>("only", &all))});
}

}  // namespace

TEST_CASE("a singleton runs on one node and on another one when that is stopped") {
  counts all;
  with_directory t;
  const directory names = t.names();
  const auto first = run_singleton(t.a, names, all);
  CHECK(comes_true([&] { return all.running == 1; }));
  const auto second = run_singleton(t.b, names, all);
  t.a.system.exit(first, exit_reason::shutdown);
  CHECK(comes_true([&] { return all.started == 2 && all.running == 1; }));
  CHECK(all.most == 1);
  t.a.system.run([&](context self) -> task<> {
    (void)names.watch(self, "only");
    for (pid now; !now || now.local();)
      now = (co_await self.receive<name_changed>()).holder.process;
    const int answer = co_await names.call(self, "only", ask{1});
    CHECK(answer == 2);
  });
  t.b.system.exit(second, exit_reason::shutdown);
  CHECK(comes_true([&] { return all.running == 0; }));
  t.a.system.run([&](context self) -> task<> {
    const lease free = co_await names.claim(self, "only");
    CHECK(free.held(self));
  });
}

TEST_CASE("a singleton that crashes runs again and never twice at a time") {
  counts all;
  with_directory t;
  const directory names = t.names();
  const auto first = run_singleton(t.a, names, all);
  const auto second = run_singleton(t.b, names, all);
  for (int crashes = 1; crashes <= 5; ++crashes) {
    REQUIRE(comes_true([&] { return all.started == crashes && all.running == 1; }));
    t.b.system.run([&](context self) -> task<> {
      (void)names.watch(self, "only");
      for (;;) {
        const auto told = co_await self.receive<name_changed>();
        if (!told.holder.process) continue;
        self.send(told.holder.process, die{"again"});
        co_return;
      }
    });
  }
  CHECK(comes_true([&] { return all.started == 6; }));
  CHECK(all.most == 1);
  t.a.system.exit(first, exit_reason::shutdown);
  t.b.system.exit(second, exit_reason::shutdown);
}

// --- tokens -------------------------------------------------------------------------------------

TEST_CASE("tokens in a file grow from life to life and what is no number is refused", "[threads]") {
  const auto file =
      std::filesystem::temp_directory_path() / ("troupe_tokens_" + std::to_string(::getpid()));
  const auto write = [&](const char* text) { std::ofstream(file) << text; };
  std::filesystem::remove(file);
  using troupe::net::internal::take_tokens;
  const std::uint64_t first = take_tokens(file);
  const std::uint64_t second = take_tokens(file);
  CHECK(first == 1);
  CHECK(second == first + troupe::net::internal::tokens_of_a_life);
  for (const char* bad : {"", "0", "-1", "1x", "18446744073709551615"}) {
    write(bad);
    std::string why;
    try {
      (void)take_tokens(file);
    } catch (const std::runtime_error& e) {
      why = e.what();
    }
    CHECK(why.find(file.string()) != std::string::npos);
    CHECK(why.find("write a number there") != std::string::npos);
  }
  CHECK_THROWS_AS(take_tokens("/proc/none/tokens"), std::runtime_error);
  std::filesystem::remove(file);
}

TEST_CASE("a directory takes its tokens from the file that it is given", "[threads]") {
  const auto file =
      std::filesystem::temp_directory_path() / ("troupe_tokens_of_" + std::to_string(::getpid()));
  std::ofstream(file) << "1000\n";
  test_node n;
  const auto tree = n.system.supervise(
      troupe::one_for_one{},
      {troupe::net::directory_child(
          "names", {.give_after = 0s, .tokens = troupe::net::tokens_in_file(file)})});
  n.system.run([&](context self) -> task<> {
    const lease held = co_await directory("names").claim(self, "leader");
    CHECK(held.token() == 1001);
  });
  n.system.exit(tree, exit_reason::shutdown);
  std::filesystem::remove(file);
}
