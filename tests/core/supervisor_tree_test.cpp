#include "core/supervisor_support.hpp"

#include <regex>

using namespace troupe_test;
using troupe::dynamic;
using troupe::one_for_one;
using troupe::process;

namespace {

// Without what differs from run to run: pids are <>, memory is a number of bytes.
std::string plain(std::string text) {
  text = std::regex_replace(text, std::regex("<[0-9.]+>"), "<>");
  text = std::regex_replace(text, std::regex(" [0-9]+ B"), " # B");
  return std::regex_replace(text, std::regex("\"memory\":[0-9]+"), "\"memory\":#");
}

std::uint64_t memory_of(const std::string& text, const std::string& id) {
  std::smatch found;
  REQUIRE(std::regex_search(text, found, std::regex("\\b" + id + " <.* ([0-9]+) B")));
  return std::stoull(found[1]);
}

process busy_reader(context self) {
  for (;;) (void)co_await self.receive<int>();
}

}  // namespace

TEST_CASE("a supervision tree is shown as text with what each process is and has") {
  fixture f;
  f.sys->supervise(one_for_one{},
                   {f.make("a"), troupe::supervisor("s", one_for_one{}, {child("b", busy_reader)}),
                    child("c", busy_reader).transient().registered()});
  f.crash_child("a");
  f.sys->send("c", std::string("not read"));
  f.sys->send("c", std::string("nor is this"));
  (void)f.happened();
  CHECK(plain(f.sys->tree()) ==
        "<> (troupe::supervisor) 0 restarts, mailbox 0, # B\n"
        "  a <> named a (troupe_test::worker) 1 restarts, mailbox 0, # B\n"
        "  s <> (troupe::supervisor) 0 restarts, mailbox 0, # B\n"
        "    b <> (a function) 0 restarts, mailbox 0, # B\n"
        "  c <> named c (a function) 0 restarts, mailbox 2, # B\n");
}

TEST_CASE("children that do not run are in the tree and those that are too many are counted") {
  fixture f;
  const auto all = f.sys->supervise(one_for_one{}, {f.make("a").transient(), f.make("b")});
  const auto many = f.sys->supervise(dynamic{}, child<>(busy_reader));
  for (int i = 0; i < 5; ++i) f.sys->call(many, troupe::start_with());
  f.sys->call(all, troupe::terminate_child{"a"});
  CHECK(plain(f.sys->tree({.max_children = 3})) ==
        "<> (troupe::supervisor) 0 restarts, mailbox 0, # B\n"
        "  a stopped, 0 restarts\n"
        "  b <> named b (troupe_test::worker) 0 restarts, mailbox 0, # B\n"
        "<> (troupe::dynamic_supervisor) 0 restarts, mailbox 0, # B\n"
        "  <> (a function) 0 restarts, mailbox 0, # B\n"
        "  <> (a function) 0 restarts, mailbox 0, # B\n"
        "  <> (a function) 0 restarts, mailbox 0, # B\n"
        "  and 2 more\n");
}

TEST_CASE("the memory of a process grows with what waits in its mailbox") {
  fixture f;
  f.sys->supervise(one_for_one{}, {child("c", busy_reader).registered()});
  const std::uint64_t before = memory_of(f.sys->tree(), "c");
  CHECK(before > 64);
  for (int i = 0; i < 100; ++i) f.sys->send("c", std::string("not read"));
  CHECK(memory_of(f.sys->tree(), "c") >= before + 100 * sizeof(std::string));
}

TEST_CASE("a supervision tree is shown as JSON with its texts escaped") {
  fixture f;
  const auto tree = f.sys->supervise(
      one_for_one{},
      {child("a \"quoted\" \\ \n id", busy_reader).name("n"), f.make("b").transient()});
  f.sys->call(tree, troupe::terminate_child{"b"});
  CHECK(plain(f.sys->tree_json()) ==
        R"([{"id":"","pid":"<>","state":"running","supervisor":true,"restarts":0,"name":"",)"
        R"("behaviour":"troupe::supervisor","mailbox":0,"memory":#,"children":[)"
        R"({"id":"a \"quoted\" \\ \u000a id","pid":"<>","state":"running","supervisor":false,)"
        R"("restarts":0,"name":"n","behaviour":"a function","mailbox":0,"memory":#},)"
        R"({"id":"b","pid":null,"state":"stopped","supervisor":false,"restarts":0}],)"
        R"("left_out":0}])");
}

TEST_CASE("a system without trees shows none") {
  fixture f;
  CHECK(f.sys->tree().empty());
  CHECK(f.sys->tree_json() == "[]");
}

TEST_CASE("a process that computes does not hold up the tree of the others", "[threads]") {
  checked_system sys({.workers = 3});
  std::atomic<bool> computes{false};
  std::atomic<bool> go{false};
  const auto compute = [&](context self) -> process {
    computes = true;
    while (!go) std::this_thread::yield();
    (void)co_await self.receive<int>();
  };
  sys->supervise(one_for_one{}, {child("c", compute), child("d", busy_reader)});
  while (!computes) std::this_thread::yield();
  const std::string text = sys->tree({.within = 50ms});
  CHECK_THAT(text, matchers::ContainsSubstring("c <") &&
                       matchers::ContainsSubstring("has ended or does not answer"));
  go = true;
  CHECK_THAT(sys->tree({.within = patience}), !matchers::ContainsSubstring("does not answer"));
}
