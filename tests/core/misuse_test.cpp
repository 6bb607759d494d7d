// A context that is used where its process does not run would be a data race: the program ends at
// once and says why. Each case runs in a program of its own, which is this one, started again.
#include "core/support.hpp"
#include "support/instead_of_tests.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

struct number {
  using reply = int;
  int value = 0;
};

// Uses of a context where its process does not run.
struct misuse {
  std::string_view name;
  void (*use)(context);
};
const misuse misuses[] = {
    {"id", [](context c) { (void)c.id(); }},
    {"parent", [](context c) { (void)c.parent(); }},
    {"system", [](context c) { (void)c.system(); }},
    {"now", [](context c) { (void)c.now(); }},
    {"random", [](context c) { (void)c.random(); }},
    {"spawn", [](context c) { c.spawn(idler); }},
    {"link", [](context c) { c.link(pid{}); }},
    {"unlink", [](context c) { c.unlink(pid{}); }},
    {"monitor", [](context c) { (void)c.monitor(pid{}); }},
    {"demonitor", [](context c) { c.demonitor({}); }},
    {"exit", [](context c) { c.exit(pid{}, troupe::exit_reason::kill); }},
    {"trap_exits", [](context c) { c.trap_exits(true); }},
    {"register_as", [](context c) { c.register_as("name"); }},
    {"unregister", [](context c) { c.unregister("name"); }},
    {"whereis", [](context c) { (void)c.whereis("name"); }},
    {"send_after", [](context c) { c.send_after(1s, pid{}, number{}); }},
    {"cancel", [](context c) { c.cancel({}); }},
};
// In another process these do what that one's own context does; on a thread there is none.
const misuse on_threads[] = {
    {"send", [](context c) { c.send(pid{}, number{}); }},
    {"send by name", [](context c) { c.send("name", number{}); }},
    {"call", [](context c) { (void)c.call(pid{}, number{}); }},
    {"send_request", [](context c) { (void)c.send_request(pid{}, number{}); }},
};

// Gives a context to what must not have it: a thread, the blocking pool, or another process.
void run_misuse(std::string_view where, void (*use)(context)) {
  troupe::system sys;
  sys.run([&](context self) -> task<> {
    if (where == "thread") {
      std::thread([&] { use(self); }).join();
    } else if (where == "pool") {
      co_await self.blocking([&] { use(self); });
    } else {
      const auto other = self.spawn_monitor([&](context) -> process {
        use(self);
        co_return;
      });
      (void)co_await self.receive<troupe::down>([&](const auto& d) { return d.ref == other.ref; });
    }
  });
}

std::optional<int> misuse_instead_of_tests(int argc, char** argv) {
  if (argc != 4 || std::string_view(argv[1]) != "--misuse") return {};
  for (const misuse& m : misuses)
    if (m.name == argv[3]) run_misuse(argv[2], m.use);
  for (const misuse& m : on_threads)
    if (m.name == argv[3]) run_misuse(argv[2], m.use);
  return 0;
}
[[maybe_unused]] const bool set = (instead_of_tests = misuse_instead_of_tests, true);

// What the program wrote before it ended, and how it ended.
std::string outcome_of(std::string_view where, std::string_view name) {
  static const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "'" + self + "' --misuse " + std::string(where) + " '" +
                              std::string(name) + "' 2>&1; echo status $?";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) text += buffer;
  ::pclose(pipe);
  return text;
}

void check_that_it_ends(std::string_view where, std::string_view name) {
  INFO(name);
  CHECK_THAT(outcome_of(where, name),
             ContainsSubstring("a troupe::context was used outside its own process") &&
                 ContainsSubstring("Use troupe::system from other threads") &&
                 ContainsSubstring("status 134"));  // aborted
}

}  // namespace

TEST_CASE("a context that is used on a thread of the program ends the program with a text") {
  for (const misuse& m : misuses) check_that_it_ends("thread", m.name);
  for (const misuse& m : on_threads) check_that_it_ends("thread", m.name);
}

TEST_CASE(
    "a context that is used in a function on the blocking pool ends the program with a text") {
  check_that_it_ends("pool", "id");
  check_that_it_ends("pool", "send");
}

TEST_CASE("a context that is used in another process ends the program with a text") {
  for (const misuse& m : misuses) check_that_it_ends("process", m.name);
}

TEST_CASE("a server that is made by hand is refused with a text that says how to make it") {
  class by_hand : public troupe::server {};
  CHECK_THROWS_WITH(by_hand(), ContainsSubstring("a server is made by spawn<S>(...), not by hand"));
  CHECK_THROWS_AS(context::current(), std::logic_error);
}
