#include <troupe/net/peer.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "net/peer_program.hpp"
#include "platform/descriptor.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
using troupe::net::node_error;
using troupe::net::nodedown;
using troupe::net::nodeup;
using troupe::net::peer_ended;
using troupe::net::peer_joined;
using troupe::net::peer_options;
using troupe::net::start_peer;

namespace {

// Whether the program of that OS process has come to where it waits for SIGTERM.
bool catches_sigterm(int os_process) {
  const std::string status = content_of("/proc/" + std::to_string(os_process) + "/status");
  const auto at = status.find("SigCgt:");
  if (at == std::string::npos) return false;
  const auto caught = std::stoull(status.substr(at + 8), nullptr, 16);
  return ((caught >> (SIGTERM - 1)) & 1) != 0;
}

peer_options shell(std::string script) {
  return {.name = "peer@127.0.0.1:0", .program = "sh", .arguments = {"-c", std::move(script)}};
}

// Why the peer does not start. Nothing of it may be left then.
std::string failure_of(test_node& a, peer_options options) {
  return a.system.run([&](context self) -> task<std::string> {
    try {
      (void)co_await start_peer(self, *a.node, options);
    } catch (const node_error& e) {
      CHECK(no_child_is_left());
      CHECK(a.node->nodes().empty());
      co_return e.what();
    }
    co_return "it started";
  });
}

bool is_kill(const exit_reason& why, const peer_joined& of) {
  const auto* ended = why.get_if<peer_ended>();
  return ended != nullptr && ended->node == of.node && ended->signal == SIGKILL;
}

std::string free_name() {
  test_node once{{}, "peer"};
  return once.name();
}

}  // namespace

TEST_CASE("a peer is another OS process, whose node has joined when it is there") {
  test_node a{{}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
    CHECK(peer.node.starts_with("peer@127.0.0.1:"));
    CHECK(peer.os_process != ::getpid());
    CHECK(a.node->nodes() == std::vector{peer.node});
    CHECK(co_await self.call({"host", peer.node}, tell_os_process{}) == peer.os_process);
    a.node->monitor_nodes(self);
    CHECK((co_await self.receive<nodeup>()).incarnation == peer.incarnation);
  });
}

// --- what goes wrong at the start ---

TEST_CASE("a peer whose node cannot be made tells the reason in its own words") {
  test_node a{{}, "a"};
  const std::string taken = "peer" + a.name().substr(a.name().find('@'));
  CHECK_THAT(
      failure_of(a, peer_program("peer", taken)),
      matchers::StartsWith("the peer " + taken + " did not start: cannot listen as " + taken) &&
          matchers::ContainsSubstring("in use"));
}

TEST_CASE(
    "a peer that listens and cannot be joined is an error that names its node and the reason") {
  test_node a{{}, "a"};
  CHECK_THAT(failure_of(a, peer_program("peer with another cookie")),
             matchers::ContainsSubstring("its node listens as peer@127.0.0.1:") &&
                 matchers::ContainsSubstring("cookie"));
}

TEST_CASE("a peer that never joins is killed after its start time, and the error names it") {
  test_node a{{}, "a"};
  peer_options never = shell("exec sleep 1000");
  never.start_time = 50ms;
  CHECK_THAT(failure_of(a, never),
             matchers::StartsWith("the peer peer@127.0.0.1:0 did not start") &&
                 matchers::ContainsSubstring("had not joined after 50 ms") &&
                 matchers::ContainsSubstring("peer_options::start_time"));
}

TEST_CASE("a peer that leaves its control socket to another program is missed at its start time") {
  test_node a{{}, "a"};
  peer_options gone = shell("cat <&3 & exit 4");
  gone.start_time = 500ms;
  CHECK_THAT(failure_of(a, gone), matchers::ContainsSubstring("ended with status 4 before"));
}

TEST_CASE("a peer that ends before it joins is an error at once that says how it ended") {
  test_node a{{}, "a"};
  CHECK_THAT(failure_of(a, shell("exit 3")),
             matchers::ContainsSubstring("ended with status 3 before"));
  CHECK_THAT(failure_of(a, shell("kill -9 $$")),
             matchers::ContainsSubstring("was ended by signal 9 (Killed) before"));
}

TEST_CASE(
    "a program that cannot be run, one that uses the socket, a bad name: each a clear error") {
  test_node a{{}, "a"};
  peer_options missing = peer_program();
  missing.program = "/no/such/program";
  CHECK_THAT(failure_of(a, missing),
             matchers::ContainsSubstring("cannot run the program /no/such/program: No such file"));
  CHECK_THAT(failure_of(a, shell("echo hello >&3; exec sleep 1000")),
             matchers::ContainsSubstring("wrote to the socket that is for troupe: hello"));
  CHECK_THAT(
      failure_of(a, peer_program("peer", "no port")),
      matchers::StartsWith("peer_options::name: ") && matchers::ContainsSubstring("no port"));
}

TEST_CASE("a peer whose starter ends before it has joined is not left behind") {
  test_node a{{}, "a"};
  const pid starter = a.system.spawn([&a](context self) -> troupe::process {
    peer_options never = shell("exec sleep 1000");
    never.start_time = troupe::infinity;
    (void)co_await start_peer(self, *a.node, never);
  });
  a.system.run([&](context self) -> task<> {
    CHECK(co_await comes_true(self, has_child));
    self.exit(starter, exit_reason::kill);
    CHECK(co_await comes_true(self, [] { return !has_child(); }));
  });
}

// --- its end ---

TEST_CASE("a peer that is killed is one down, with the signal") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
    const auto why = co_await end_of(self, peer.peer, [&] { ::kill(peer.os_process, SIGKILL); });
    CHECK(is_kill(why, peer));
    CHECK_THAT(to_string(why), matchers::ContainsSubstring(peer.node) &&
                                   matchers::ContainsSubstring("was ended by signal 9 (Killed)"));
    CHECK(no_child_is_left());
  });
}

TEST_CASE(
    "a peer that ends by itself is one down, with its status, and with status 0 it is normal") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    for (const int status : {7, 0}) {
      const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
      const auto why = co_await end_of(
          self, peer.peer, [&] { self.send({"host", peer.node}, end_program{status}); });
      if (status == 0)
        CHECK(why == exit_reason::normal);
      else
        CHECK(why ==
              exit_reason::of(peer_ended{peer.node, 0, status, "its program ended with status 7"}));
      CHECK(no_child_is_left());
    }
  });
}

TEST_CASE("a peer that is stopped ends in order, with the reason it was stopped for") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
    CHECK(co_await comes_true(self, [&] { return catches_sigterm(peer.os_process); }));
    a.node->monitor_nodes(self);
    self.exit(peer.peer, exit_reason::normal);  // as between processes: does nothing
    const auto why =
        co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
    CHECK(no_child_is_left());
    // Its node has said goodbye, so its main function went on to its end.
    CHECK_THAT((co_await self.receive<nodedown>()).reason, matchers::ContainsSubstring("stopping"));
  });
}

TEST_CASE("a peer that does not heed SIGTERM is killed after its stop time") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    peer_options deaf = peer_program("deaf peer");
    deaf.stop_time = 50ms;
    const peer_joined peer = co_await start_peer(self, *a.node, deaf);
    const auto why =
        co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
    CHECK(no_child_is_left());
  });
}

TEST_CASE("a peer that fails when it is stopped is one down, with its status") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    const auto fails = peer_program("peer that fails when stopped");
    const peer_joined peer = co_await start_peer(self, *a.node, fails);
    CHECK(co_await comes_true(self, [&] { return catches_sigterm(peer.os_process); }));
    const auto why =
        co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::shutdown); });
    const peer_ended failed{peer.node, 0, 3, "its program ended with status 3"};
    CHECK(why == exit_reason::of(failed));
  });
}

TEST_CASE("kill ends a peer at once") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    peer_options deaf = peer_program("deaf peer");
    deaf.stop_time = troupe::infinity;
    const peer_joined peer = co_await start_peer(self, *a.node, deaf);
    const auto why =
        co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::kill); });
    CHECK(why == exit_reason::killed);
    CHECK(no_child_is_left());
  });
}

TEST_CASE(
    "a linked process that ends takes the peer with it, and a peer that ends takes the process") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    const auto linked = [](context child, pid peer) -> troupe::process {
      child.link(peer);
      child.send(child.parent(), number{0});
      const die order = co_await child.receive<die>();
      throw std::runtime_error(order.why);
    };
    const peer_joined first = co_await start_peer(self, *a.node, peer_program());
    const pid ends = self.spawn(linked, first.peer);
    (void)co_await self.receive<number>();
    CHECK(co_await end_of(self, first.peer, [&] { self.send(ends, die{"over"}); }) ==
          exit_reason::error("std::runtime_error", "over"));

    const peer_joined second = co_await start_peer(self, *a.node, peer_program());
    const pid follows = self.spawn(linked, second.peer);
    (void)co_await self.receive<number>();
    CHECK(is_kill(co_await end_of(self, follows, [&] { ::kill(second.os_process, SIGKILL); }),
                  second));
  });
  CHECK(no_child_is_left());
}

TEST_CASE("the end of the system ends its peers") {
  {
    test_node a{{}, "a"};
    a.leaves_peers = true;
    a.system.run([&](context self) -> task<> {
      (void)co_await start_peer(self, *a.node, peer_program("deaf peer"));
    });
    CHECK(has_child());
  }
  CHECK(no_child_is_left());
}

TEST_CASE("killing the parent ends its peers, and those of them that do not heed SIGTERM") {
  test_node a{{}, "a"};
  for (const char* kind : {"peer", "deaf peer"})
    a.system.run([&](context self) -> task<> {
      const peer_joined parent = co_await start_peer(self, *a.node, peer_program());
      const auto peer = co_await self.call({"host", parent.node}, start_another{kind, 50}, 30s);
      const foreign_process there(peer.os_process);
      ::kill(parent.os_process, SIGKILL);
      CHECK(co_await self.blocking([&] { return there.ends(); }));
    });
}

TEST_CASE("a peer that a script runs ends with the script") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    const auto self_path = "/proc/" + std::to_string(::getpid()) + "/exe";
    const peer_joined peer =
        co_await start_peer(self, *a.node, shell(self_path + " peer; exit $?"));
    const int below = co_await self.call({"host", peer.node}, tell_os_process{});
    CHECK(below != peer.os_process);
    const foreign_process there(below);
    self.exit(peer.peer, exit_reason::shutdown);
    CHECK(co_await self.blocking([&] { return there.ends(); }));
  });
}

// --- under a supervisor ---

TEST_CASE(
    "a supervisor starts a killed peer again: a new incarnation, to which old pids are dead") {
  test_node a{{}, "a"};
  const std::string name = free_name();
  a.system.run([&](context self) -> task<> {
    a.node->monitor_nodes(self);
    const pid tree = co_await self.blocking([&] {
      return a.system.supervise(
          troupe::one_for_one{.intensity = 20},
          {troupe::net::peer_child("worker", *a.node, peer_program("peer", name)),
           troupe::child("next", [&a](context next) -> troupe::process {
             next.register_as(a.node->nodes().empty() ? "too early" : "next");
             co_await next.receive<die>();
           })});
    });
    CHECK(co_await comes_true(self,
                              [&] { return self.whereis("next") || self.whereis("too early"); }));
    CHECK(self.whereis("next"));

    const auto first = co_await self.receive<nodeup>();
    const pid worker = self.whereis("worker");
    const int os_process = co_await self.call({"host", name}, tell_os_process{});
    const pid old = co_await pid_of(self, "echo", name);
    CHECK(co_await end_of(self, old, [&] { ::kill(os_process, SIGKILL); }) ==
          exit_reason::noconnection);
    CHECK((co_await self.receive<nodedown>()).incarnation == first.incarnation);

    const auto second = co_await self.receive<nodeup>();
    CHECK(second.node == first.node);
    CHECK(second.incarnation != first.incarnation);
    CHECK(self.whereis("worker") != worker);
    CHECK(co_await self.call({"host", name}, tell_os_process{}) != os_process);
    CHECK(co_await self.call({"echo", name}, ask{1}) == 2);
    CHECK((co_await self.try_call(old, ask{1})).reason() == exit_reason::noproc);
    CHECK(co_await end_of(self, old, [] {}) == exit_reason::noproc);

    CHECK(co_await end_of(self, tree, [&] { a.system.exit(tree, exit_reason::shutdown); }) ==
          exit_reason::shutdown);
    CHECK(no_child_is_left());
  });
}

TEST_CASE("a tree whose peer does not start tells why") {
  test_node a{{}, "a"};
  peer_options missing = peer_program();
  missing.program = "/no/such/program";
  CHECK_THROWS_WITH(
      a.system.supervise(troupe::one_for_one{},
                         {troupe::net::peer_child("worker", *a.node, missing)}),
      matchers::ContainsSubstring("worker") && matchers::ContainsSubstring("/no/such/program"));
}

// --- how it is run ---

TEST_CASE("a peer without a name or a program has a name on the host of its parent") {
  test_node a{{}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, *a.node, {.arguments = {"peer"}});
    CHECK(peer.node.starts_with("peer@127.0.0.1:"));
  });
}

TEST_CASE("a peer is run by its prefix, with its environment and control socket") {
  test_node a{{}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    peer_options options = peer_program();
    options.prefix = {"nice", "-n", "2"};
    options.environment = {{"MINE", "yes"}};
    const peer_joined peer = co_await start_peer(self, *a.node, options);
    const auto id = static_cast<id_t>(peer.os_process);
    CHECK(::getpriority(PRIO_PROCESS, id) == std::min(::getpriority(PRIO_PROCESS, 0) + 2, 19));
    const std::string environment =
        content_of("/proc/" + std::to_string(peer.os_process) + "/environ");
    CHECK(environment.find(std::string("MINE=yes") + '\0') != std::string::npos);
  });
}

TEST_CASE("the output and errors of a peer are logged line by line with its name") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    peer_options talks = shell("echo to out; echo to err >&2; exec /proc/" +
                               std::to_string(::getpid()) + "/exe peer");
    talks.output = troupe::net::peer_output::logged;
    const peer_joined peer = co_await start_peer(self, *a.node, talks);
    CHECK(a.log->has("peer@127.0.0.1:0: to out\npeer@127.0.0.1:0: to err\n"));
    (void)co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::shutdown); });
  });
}

TEST_CASE("what a peer wrote before it ended is in the log when its end is told") {
  test_node a{{}, "a"};
  peer_options talks = shell("echo the last word; exit 3");
  talks.output = troupe::net::peer_output::logged;
  CHECK_THAT(failure_of(a, talks), matchers::ContainsSubstring("ended with status 3 before"));
  CHECK(a.log->text().find("the last word") != std::string::npos);
}

TEST_CASE("a peer has its directory and its limits") {
  test_node a{{}, "a"};
  peer_options limited = shell("pwd; ulimit -n; exit 3");
  limited.output = troupe::net::peer_output::logged;
  limited.directory = "/usr";
  limited.limits.open_files = 55;
  (void)failure_of(a, limited);
  CHECK(a.log->has(": /usr\npeer@127.0.0.1:0: 55\n"));
}

// --- by its standard input and output ---

namespace {

// As ssh does: a program that hands on no environment, no other file and no signal.
peer_options over_stand_in_for_ssh(std::string kind) {
  peer_options options = peer_program(std::move(kind));
  options.prefix = {"sh", "-c", "trap : TERM; env -i \"$@\" 3>&-; exit $?", "ssh"};
  options.control = troupe::net::peer_control::standard_io;
  return options;
}

}  // namespace

TEST_CASE("a peer behind ssh joins, knows its cookie, and shows it to nobody") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    peer_options options = over_stand_in_for_ssh("peer");
    options.environment = {{"MINE", "yes"}};
    const peer_joined peer = co_await start_peer(self, *a.node, options);
    const int below = co_await self.call({"host", peer.node}, tell_os_process{});
    CHECK(below != peer.os_process);
    const std::string place = "/proc/" + std::to_string(below);
    const std::string environment = content_of(place + "/environ");
    CHECK(environment.find("MINE=yes") != std::string::npos);
    CHECK(environment.find(test_cookie) == std::string::npos);
    CHECK(content_of(place + "/cmdline").find(test_cookie) == std::string::npos);
    const foreign_process there(below);
    const auto why =
        co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
    CHECK(co_await self.blocking([&] { return there.ends(); }));
  });
}

TEST_CASE("a peer behind ssh that does not heed the end of its input ends itself") {
  test_node a{{}, "a"};
  a.system.run([&](context self) -> task<> {
    peer_options options = over_stand_in_for_ssh("deaf peer");
    options.stop_time = 50ms;
    const peer_joined peer = co_await start_peer(self, *a.node, options);
    const foreign_process there(co_await self.call({"host", peer.node}, tell_os_process{}));
    (void)co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, exit_reason::kill); });
    CHECK(co_await self.blocking([&] { return there.ends(); }));
  });
}

TEST_CASE("a peer behind ssh whose node cannot be made tells the reason in its own words") {
  test_node a{{}, "a"};
  peer_options taken = over_stand_in_for_ssh("peer");
  taken.name = "peer" + a.name().substr(a.name().find('@'));
  CHECK_THAT(failure_of(a, taken), matchers::ContainsSubstring("cannot listen as " + taken.name));
}

TEST_CASE("what else a program behind ssh writes is logged") {
  test_node a{{}, "a"};
  peer_options talks = over_stand_in_for_ssh("");
  talks.program = "sh";
  talks.arguments = {"-c", "echo one; printf two; exit 5"};
  CHECK_THAT(failure_of(a, talks), matchers::ContainsSubstring("ended with status 5 before"));
  CHECK(a.log->has("peer@127.0.0.1:0: one\npeer@127.0.0.1:0: two\n"));
}

// --- what it is given, and what is left ---

TEST_CASE(
    "a peer has the cookie by its environment, which others cannot read, not by its arguments") {
  test_node a{{}, "a"};
  a.leaves_peers = true;
  a.system.run([&](context self) -> task<> {
    peer_options options = peer_program();
    options.environment = {{"MINE", "yes"}, {"TROUPE_COOKIE", "a cookie that is not taken"}};
    const peer_joined peer = co_await start_peer(self, *a.node, options);
    const std::string place = "/proc/" + std::to_string(peer.os_process);
    CHECK(content_of(place + "/cmdline").find(test_cookie) == std::string::npos);
    const std::string environment = content_of(place + "/environ");
    for (const std::string& wanted :
         {"TROUPE_COOKIE=" + test_cookie, "TROUPE_PEER_OF=" + a.name(), std::string("MINE=yes")})
      CHECK(environment.find(wanted + '\0') != std::string::npos);
    CHECK((std::filesystem::status(place + "/environ").permissions() &
           std::filesystem::perms::all) == std::filesystem::perms::owner_read);
  });
}

TEST_CASE("a peer of a node whose options name a cookie file takes that file") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("troupe_peer_test_" + std::to_string(::getpid()) + ".cookie");
  {
    const troupe::net::descriptor made(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    REQUIRE(::write(made.get(), test_cookie.data(), test_cookie.size()) ==
            static_cast<ssize_t>(test_cookie.size()));
  }
  troupe::system system({.workers = 2, .log = std::make_shared<kept_log>()});
  const troupe::net::node node(system, {.name = "a@127.0.0.1:0", .cookie_file = file});
  system.run([&](context self) -> task<> {
    const peer_joined peer = co_await start_peer(self, node, peer_program());
    CHECK(node.nodes() == std::vector{peer.node});
  });
  std::filesystem::remove(file);
}

TEST_CASE(
    "of peers that have ended nothing is left: process, descriptor, connection, timer, link") {
  test_node a{{}, "a"};
  const auto use = [&](context self) -> task<> {
    for (const auto& end : {exit_reason::shutdown, exit_reason::kill}) {
      const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
      CHECK(co_await self.call({"echo", peer.node}, ask{1}) == 2);
      (void)co_await end_of(self, peer.peer, [&] { self.exit(peer.peer, end); });
    }
    const peer_joined peer = co_await start_peer(self, *a.node, peer_program());
    (void)co_await end_of(self, peer.peer, [&] { ::kill(peer.os_process, SIGKILL); });
    CHECK(co_await comes_true(self, [&] { return a.node->nodes().empty(); }));
  };
  const auto files = open_files();
  const auto before = a.system.counts();
  a.system.run(use);
  (void)failure_of(a, shell("exit 3"));
  CHECK(no_child_is_left());
  CHECK(a.comes_to_rest());
  a.system.run([&](context self) -> task<> {
    CHECK(co_await comes_true(self, [&] { return open_files() == files; }));
    CHECK(co_await comes_true(self,
                              [&] { return a.system.counts().processes == before.processes + 1; }));
  });
}
