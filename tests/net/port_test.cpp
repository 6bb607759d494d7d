#include <troupe/net/port.hpp>

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "platform/child_process.hpp"
#include "port/splitter.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::request;
using troupe::task;
using troupe::net::command;
using troupe::net::port_close_input;
using troupe::net::port_data;
using troupe::net::port_ended;
using troupe::net::port_error;
using troupe::net::port_errors;
using troupe::net::port_framing;
using troupe::net::port_options;
using troupe::net::port_write;
using troupe::net::start_port;

namespace {

struct ports_system {
  std::shared_ptr<kept_log> log = std::make_shared<kept_log>();
  troupe::system system{{.workers = 2, .log = log}};
};

command sh(std::string script) { return {.program = "sh", .arguments = {"-c", std::move(script)}}; }

struct outcome {
  std::vector<port_data> messages;
  exit_reason reason;
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const port_data& m : messages) all += m.bytes + (m.whole ? "|" : "/");
    return all;
  }
};

// All that the port sends until it ends.
task<outcome> outcome_of(context self, pid port) {
  outcome seen;
  const auto ref = self.monitor(port);
  for (bool ended = false; !ended;)
    co_await self.receive(
        [&](request<port_data> m) {
          CHECK(m->port == port);
          seen.messages.push_back(std::move(*m));
        },
        [&](troupe::down d) {
          ended = d.ref == ref;
          seen.reason = std::move(d.reason);
        });
  co_return seen;
}

outcome run(port_options options, const std::vector<std::string>& input = {}) {
  ports_system s;
  return s.system.run([&](context self) -> task<outcome> {
    const pid port = co_await start_port(self, std::move(options));
    for (const std::string& bytes : input) self.send(port, port_write{bytes});
    self.send(port, port_close_input{});
    co_return co_await outcome_of(self, port);
  });
}

std::string error_of(port_options options) {
  ports_system s;
  return s.system.run([&](context self) -> task<std::string> {
    try {
      (void)co_await start_port(self, std::move(options));
    } catch (const port_error& e) {
      CHECK(no_child_is_left());
      co_return e.what();
    }
    co_return "it started";
  });
}

// The next line as numbers.
task<std::vector<int>> numbers(context self) {
  const auto line = std::move(*co_await self.receive<request<port_data>>());
  std::istringstream text(line.bytes);
  std::vector<int> all;
  for (int n = 0; text >> n;) all.push_back(n);
  co_return all;
}

task<> let_others_run(context self) {
  constexpr int turns = 2000;
  for (int i = 0; i < turns; ++i) co_await self.yield();
}

// A file that is not there yet, for a program that waits for it.
struct signal_file {
  std::string path =
      (std::filesystem::temp_directory_path() / ("troupe_port_test_" + std::to_string(::getpid())))
          .string();
  ~signal_file() { std::filesystem::remove(path); }
  [[nodiscard]] std::string awaited() const {
    return "while [ ! -e " + path + " ]; do sleep 0.01; done; ";
  }
  void make() const { std::ofstream{path}; }
};

}  // namespace

// --- what the program writes ---

TEST_CASE("the lines of a program are messages, and the last one tells that it has no end") {
  const outcome seen = run({.commands = {sh("printf 'a b\\n\\nc'")}});
  CHECK(seen.text() == "a b||c/");
  CHECK(seen.reason == exit_reason::normal);
}

TEST_CASE("a line that is longer than a message may be comes in parts") {
  const outcome seen =
      run({.commands = {sh("echo 12345678; echo 1234; echo 12345")}, .max_message_bytes = 4});
  CHECK(seen.text() == "1234/5678|1234|1234/5|");
}

TEST_CASE("raw output is every byte in its order") {
  std::string all;
  for (int i = 0; i < 100'000; ++i) all += static_cast<char>(static_cast<unsigned char>(i % 251));
  const outcome seen = run({.commands = {{.program = "cat"}}, .framing = port_framing::raw}, {all});
  std::string got;
  for (const port_data& m : seen.messages) got += m.bytes;
  CHECK(got == all);
}

TEST_CASE("packets of each length go both ways, with their lengths put there and taken away") {
  const std::string bytes("\0a\n", 3);
  for (const auto framing :
       {port_framing::packets_1, port_framing::packets_2, port_framing::packets_4}) {
    const outcome echoed = run({.commands = {{.program = "cat"}}, .framing = framing},
                               {bytes, "", std::string(255, 'x')});
    REQUIRE(echoed.messages.size() == 3);
    CHECK(echoed.messages[0].bytes == bytes);
    CHECK(echoed.messages[1].bytes.empty());
    CHECK(echoed.messages[2].bytes == std::string(255, 'x'));
  }
}

TEST_CASE("a packet that is cut off or longer than a message may be ends the port and says so") {
  const outcome cut =
      run({.commands = {sh("printf '\\003ab'")}, .framing = port_framing::packets_1});
  CHECK_THAT(to_string(cut.reason), matchers::ContainsSubstring("within a packet"));
  const outcome longer = run({.commands = {sh("printf '\\005abcde'; exec sleep 1000")},
                              .framing = port_framing::packets_1,
                              .max_message_bytes = 4});
  CHECK_THAT(to_string(longer.reason), matchers::ContainsSubstring("a packet of 5 bytes"));
  CHECK(no_child_is_left());
}

TEST_CASE("a length that comes in parts is waited for") {
  troupe::net::output_splitter splitter(port_framing::packets_2, 100);
  splitter.feed(std::string("\0", 1));
  CHECK_FALSE(splitter.next().has_value());
  splitter.feed("\2a");
  CHECK_FALSE(splitter.next().has_value());
  splitter.feed("bc");
  CHECK(splitter.next()->bytes == "ab");
  CHECK_FALSE(splitter.next().has_value());
  CHECK_THROWS_AS(splitter.rest(), port_error);
}

TEST_CASE("errors of a program are logged line by line with its name, or merged into its output") {
  ports_system s;
  s.system.run([&](context self) -> task<> {
    const pid port = co_await start_port(self, {.commands = {sh("echo one >&2; echo two >&2")}});
    const outcome seen = co_await outcome_of(self, port);
    CHECK(seen.messages.empty());
  });
  CHECK(s.log->has("sh: one\nsh: two\n"));
  CHECK(run({.commands = {sh("echo a >&2; echo b")}, .errors = port_errors::merged}).text() ==
        "a|b|");
}

TEST_CASE("an owner is sent no more than the window until it has handled some") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(self, {.commands = {{.program = "yes"}}, .window = 3});
    std::vector<request<port_data>> held;
    for (int i = 0; i < 3; ++i) held.push_back(co_await self.receive<request<port_data>>());
    co_await let_others_run(self);
    const bool fourth = (co_await self.receive_within<request<port_data>>(0s)).has_value();
    CHECK_FALSE(fourth);
    held.erase(held.begin());
    held.push_back(co_await self.receive<request<port_data>>());
    CHECK(held.back()->bytes == "y");
    self.exit(port, exit_reason::kill);
  });
}

// --- what is written to it ---

TEST_CASE("the end of its input lets a program give its result") {
  CHECK(run({.commands = {{.program = "sort"}}}, {"b\nc\n", "a\n"}).text() == "a|b|c|");
}

TEST_CASE("a write that finds the pipe full is answered when the program has read") {
  ports_system s;
  const signal_file go;
  s.system.run([&](context self) -> task<> {
    const pid port = co_await start_port(self, {.commands = {sh(go.awaited() + "exec wc -c")}});
    self.spawn_link([port](context writer) -> troupe::process {
      co_await writer.call(port, port_write{std::string(1 << 20, 'x')}, troupe::infinity);
      co_await writer.call(port, port_close_input{}, troupe::infinity);
      writer.send(writer.parent(), number{1});
    });
    co_await let_others_run(self);
    const bool early = (co_await self.receive_within<number>(0s)).has_value();
    CHECK_FALSE(early);
    go.make();
    (void)co_await self.receive<number>();
    const auto counted = co_await numbers(self);
    CHECK(counted == std::vector{1 << 20});
  });
}

TEST_CASE("who sends input that is not read is held, and nothing is lost") {
  ports_system s;
  const signal_file go;
  constexpr int pieces = 500;
  std::atomic<int> sent{0};
  s.system.run([&](context self) -> task<> {
    const pid port = co_await start_port(
        self, {.commands = {sh(go.awaited() + "exec wc -c")}, .max_input_bytes = 16'384});
    self.spawn_link([port, &sent](context sender) -> troupe::process {
      for (; sent < pieces; ++sent) {
        sender.send(port, port_write{std::string(4096, 'x')});
        co_await sender.yield();
      }
      sender.send(port, port_close_input{});
    });
    co_await let_others_run(self);
    CHECK(sent < 100);  // the pipe has room for 16, the mailbox for 4
    go.make();
    const auto counted = co_await numbers(self);
    CHECK(counted == std::vector{pieces * 4096});
  });
}

TEST_CASE("a write to a program that does not read any more fails and says so") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(self, {.commands = {sh("exec <&-; exec sleep 1000")}});
    std::optional<exit_reason> why;
    while (!why) {  // until it has closed its input
      const auto answer = co_await self.try_call(port, port_write{std::string(100'000, 'x')});
      if (!answer) why = answer.reason();
    }
    CHECK(why->type() == "troupe::net::port_error");
    CHECK_THAT(std::string(why->text()), matchers::ContainsSubstring("the input of sh is closed"));
    self.exit(port, exit_reason::kill);
  });
}

TEST_CASE("a packet whose length has no room fails, and the port goes on") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(
        self, {.commands = {{.program = "cat"}}, .framing = port_framing::packets_1});
    const auto answer = co_await self.try_call(port, port_write{std::string(256, 'x')});
    REQUIRE_FALSE(answer.has_value());
    CHECK_THAT(std::string(answer.reason().text()), matchers::ContainsSubstring("256 bytes"));
    self.send(port, port_write{"still there"});
    CHECK((co_await self.receive<request<port_data>>())->bytes == "still there");
    self.exit(port, exit_reason::kill);
  });
}

// --- what it is run with ---

TEST_CASE("a program has its arguments as they are, its environment and its directory") {
  const outcome seen =
      run({.commands = {{.program = "sh",
                         .arguments = {"-c", "echo \"$1,$2,$MINE,$PWD\"", "sh", "$(id) *", ""},
                         .environment = {{"MINE", "a=b"}},
                         .directory = "/usr"}}});
  CHECK(seen.text() == "$(id) *,,a=b,/usr|");
}

TEST_CASE("a program has the limits that it is given") {
  command limited = sh("ulimit -v; ulimit -t; ulimit -n");
  limited.limits = {.memory_bytes = 1 << 30, .cpu_seconds = 77, .open_files = 55};
  CHECK(run({.commands = {limited}}).text() == "1048576|77|55|");
}

TEST_CASE("what cannot be run is a clear error, and nothing is left of it") {
  CHECK_THAT(error_of({.commands = {{.program = "no such program"}}}),
             matchers::ContainsSubstring("cannot run the program no such program: No such file"));
  CHECK_THAT(error_of({.commands = {{.program = "/etc/passwd"}}}),
             matchers::ContainsSubstring("/etc/passwd") &&
                 matchers::ContainsSubstring("Permission denied"));
  CHECK_THAT(error_of({.commands = {{.program = "true", .directory = "/no/such"}}}),
             matchers::ContainsSubstring("true in the directory /no/such: No such file"));
  CHECK_THAT(error_of({.commands = {sh("exec sleep 1000"), {.program = "missing"}}}),
             matchers::ContainsSubstring("missing"));
  CHECK_THAT(error_of({}), matchers::ContainsSubstring("port_options::commands"));
}

// --- pipelines ---

TEST_CASE("the programs of a pipeline are one port") {
  const outcome seen = run({.commands = {{.program = "sort"},
                                         {.program = "uniq"},
                                         {.program = "tr", .arguments = {"a-z", "A-Z"}}}},
                           {"b\na\nb\n"});
  CHECK(seen.text() == "A|B|");
  CHECK(seen.reason == exit_reason::normal);
}

TEST_CASE("a program that is cut off because the next wants no more has not failed") {
  const outcome seen =
      run({.commands = {{.program = "yes"}, {.program = "head", .arguments = {"-n", "2"}}}});
  CHECK(seen.text() == "y|y|");
  CHECK(seen.reason == exit_reason::normal);
}

TEST_CASE("the last program of a pipeline that fails is told") {
  const outcome seen = run({.commands = {sh("exit 3"), sh("cat; exit 4"), {.program = "cat"}}});
  CHECK(seen.reason == exit_reason::of(port_ended{"sh", 0, 4, "sh ended with status 4"}));
}

// --- its end ---

TEST_CASE("the status or the signal of a program is the reason, after all that it wrote") {
  const outcome status = run({.commands = {sh("echo last; exit 7")}});
  CHECK(status.text() == "last|");
  CHECK(status.reason == exit_reason::of(port_ended{"sh", 0, 7, "sh ended with status 7"}));
  const outcome signal = run({.commands = {sh("kill -SEGV $$")}});
  const auto* ended = signal.reason.get_if<port_ended>();
  REQUIRE(ended != nullptr);
  CHECK(ended->signal == SIGSEGV);
  CHECK(ended->text == "sh was ended by signal 11 (Segmentation fault)");
}

TEST_CASE("a port that is stopped ends with the reason, and its program by SIGTERM") {
  ports_system s;
  const signal_file ended;
  s.system.run([&](context self) -> task<> {
    const pid port = co_await start_port(
        self, {.commands = {sh("trap 'echo bye >" + ended.path +
                               "; exit' TERM; echo ready; while :; do sleep 0.01; done")}});
    (void)co_await self.receive<request<port_data>>();
    const auto why = co_await end_of(self, port, [&] { self.exit(port, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
    CHECK(content_of(ended.path) == "bye\n");
    CHECK(no_child_is_left());
  });
}

TEST_CASE("a program that does not heed SIGTERM is killed after the stop time") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(
        self, {.commands = {sh("trap '' TERM; echo ready; while :; do sleep 0.01; done")},
               .stop_time = 50ms});
    (void)co_await self.receive<request<port_data>>();
    const auto why = co_await end_of(self, port, [&] { self.exit(port, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
    CHECK(no_child_is_left());
  });
}

TEST_CASE("when the owner ends the program ends, and what it has started in its process group") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid owner = self.spawn([](context own) -> troupe::process {
      (void)co_await start_port(own, {.commands = {sh("sleep 1000 & echo $$ $!; wait")}});
      own.send(own.parent(), co_await numbers(own));
      co_await own.sleep(troupe::infinity);
    });
    const auto ids = co_await self.receive<std::vector<int>>();
    REQUIRE(ids.size() == 2);
    const foreign_process program(ids[0]);
    const foreign_process below(ids[1]);
    self.exit(owner, exit_reason::kill);
    CHECK(co_await self.blocking([&] { return program.ends() && below.ends(); }));
  });
}

TEST_CASE("a program that leaves something behind in its process group takes it with it") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(self, {.commands = {sh("sleep 1000 & echo $!; read x")}});
    const auto ids = co_await numbers(self);
    const foreign_process below(ids.at(0));
    self.send(port, port_write{"\n"});
    const outcome seen = co_await outcome_of(self, port);
    CHECK(seen.reason == exit_reason::normal);
    CHECK(co_await self.blocking([&] { return below.ends(); }));
  });
}

TEST_CASE("a daemon that keeps the output open does not keep the port") {
  ports_system s;
  s.system.run([](context self) -> task<> {
    const pid port = co_await start_port(
        self,
        {.commands = {sh("setsid sleep 1000 & echo $!; exit 2")}, .errors = port_errors::merged});
    const auto ids = co_await numbers(self);
    const outcome seen = co_await outcome_of(self, port);
    CHECK(seen.reason == exit_reason::of(port_ended{"sh", 0, 2, "sh ended with status 2"}));
    ::kill(ids.at(0), SIGKILL);
  });
}

TEST_CASE("when this OS process is killed its programs are killed") {
  troupe::net::child_process owner({{}, {"port owner"}});
  pollfd said{owner.control().release(), POLLIN, 0};
  const troupe::net::descriptor control(said.fd);
  REQUIRE(::poll(&said, 1, 30'000) == 1);
  char line[32] = {};
  REQUIRE(::read(said.fd, line, sizeof line - 1) > 0);
  const foreign_process program(std::stoi(line));
  owner.send_signal(SIGKILL);
  CHECK(program.ends());
}

TEST_CASE("a supervisor starts a port again, whose owner it finds by its name") {
  ports_system s;
  s.system.run([&](context self) -> task<> {
    self.register_as("reader");
    const pid tree = co_await self.blocking([&] {
      return s.system.supervise(
          troupe::one_for_one{.intensity = 5},
          {troupe::net::port_child("echo", {"reader"}, {.commands = {{.program = "cat"}}})});
    });
    self.send({"echo"}, port_write{"first\n"});
    CHECK((co_await self.receive<request<port_data>>())->bytes == "first");
    const pid first = self.whereis("echo");
    (void)co_await end_of(self, first, [&] { self.exit(first, exit_reason::kill); });
    CHECK(co_await comes_true(self, [&] { return static_cast<bool>(self.whereis("echo")); }));
    self.send({"echo"}, port_write{"second\n"});
    CHECK((co_await self.receive<request<port_data>>())->bytes == "second");
    const auto why =
        co_await end_of(self, tree, [&] { s.system.exit(tree, exit_reason::shutdown); });
    CHECK(why == exit_reason::shutdown);
  });
  CHECK(no_child_is_left());
}

TEST_CASE("the owner of a port and who writes to it may be on another node") {
  two_nodes t;
  t.b.system.run([&](context self) -> task<> {
    self.register_as("reader");
    const pid tree = co_await self.blocking([&] {
      return t.a.system.supervise(
          troupe::one_for_one{.intensity = 0},
          {troupe::net::port_child("echo", {"reader", t.b.name()},
                                   {.commands = {{.program = "cat"}}, .window = 2})});
    });
    const troupe::destination echo{"echo", t.a.name()};
    for (int i = 0; i < 10; ++i) {
      co_await self.call(echo, port_write{std::to_string(i) + '\n'});
      const auto line = std::move(*co_await self.receive<request<port_data>>());
      CHECK(line.bytes == std::to_string(i));
    }
    co_await self.blocking([&] { t.a.system.exit(tree, exit_reason::shutdown); });
  });
  CHECK(no_child_is_left());
}

TEST_CASE("a supervised port without its owner says what is missing") {
  ports_system s;
  CHECK_THROWS(s.system.supervise(
      troupe::one_for_one{.intensity = 0},
      {troupe::net::port_child("echo", {"nobody"}, {.commands = {{.program = "/no/such"}}})}));
  (void)s.system.supervise(
      troupe::one_for_one{.intensity = 0},
      {troupe::net::port_child("echo", {"nobody"}, {.commands = {{.program = "cat"}}})});
  CHECK(s.log->has("there is no owner to read what cat writes"));
}

TEST_CASE("of ports that have ended nothing is left: process, descriptor, timer, link") {
  ports_system s;
  const auto use = [](context self) -> task<> {
    for (const char* script : {"echo a; echo b >&2", "exit 3", "kill -9 $$"}) {
      const pid port = co_await start_port(self, {.commands = {sh(script), {.program = "cat"}}});
      self.send(port, port_write{"unread"});
      (void)co_await outcome_of(self, port);
    }
    const pid stopped = co_await start_port(self, {.commands = {{.program = "cat"}}});
    (void)co_await end_of(self, stopped, [&] { self.exit(stopped, exit_reason::shutdown); });
  };
  s.system.run(use);  // opens what the system needs itself
  CHECK(comes_true([&] { return s.system.counts().processes == 0; }));
  const auto files = open_files();
  s.system.run(use);
  CHECK(no_child_is_left());
  CHECK(comes_true([&] {
    const auto now = s.system.counts();
    return now.processes == 0 && now.links == 0 && now.monitors == 0 && now.timers == 0;
  }));
  CHECK(comes_true([&] { return open_files() == files; }));
}
