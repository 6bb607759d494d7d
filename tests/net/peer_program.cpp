#include "net/peer_program.hpp"

#include <unistd.h>
#include <troupe/net/port.hpp>

#include <csignal>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <set>
#include <vector>

#include "net/cluster_support.hpp"
#include "platform/child_process.hpp"
#include "support/instead_of_tests.hpp"

namespace troupe_test {
namespace {

namespace net = troupe::net;
using troupe::context;
using troupe::request;
using troupe::task;

task<net::peer_joined> start(context self, const net::node& home, start_another what) {
  auto options = peer_program(what.kind);
  options.stop_time = std::chrono::milliseconds(what.stop_ms);
  co_return co_await net::start_peer(self, home, options);
}

troupe::process host(context self, std::shared_future<const net::node*> made) {
  const net::node* const home = co_await self.blocking([&] { return made.get(); });
  for (;;)
    co_await self.receive(
        [](request<tell_os_process> r) { r.reply(::getpid()); },
        [&](request<start_another> r) -> task<> { r.reply(co_await start(self, *home, *r)); },
        [](end_program e) { std::_Exit(e.status); });
}

// What would end a program that it is part of.
[[noreturn]] void end_os_process(int signal) {
  std::signal(signal, SIG_DFL);  // a sanitizer would make a status of it
  ::raise(signal);
  std::abort();
}

troupe::process fragile(context self, int start) {
  std::vector<std::string> hoard;
  for (;;)
    co_await self.receive([&](request<ask> r) { r.reply(r->value + start); },
                          [](request<tell_os_process> r) { r.reply(::getpid()); },
                          [](const crash& c) { end_os_process(c.signal); },
                          [](end_program e) { std::_Exit(e.status); },
                          [&](use_memory m) {
                            for (std::size_t i = 0; i < m.megabytes; ++i)
                              hoard.emplace_back(1 << 20, 'x');
                          },
                          [&](die d) {
                            if (d.why == "normal") self.exit(troupe::exit_reason::normal);
                            throw std::runtime_error(d.why);
                          });
}

// Its processes are there before its node is, so that they can be called once it has joined.
int run_node(net::node_options options, task<> (*until)(context)) {
  troupe::system system({.workers = 2, .log = std::make_shared<kept_log>()});
  std::promise<const net::node*> made;
  system.spawn_with({.name = "echo"}, echo);
  system.spawn_with({.name = "host"}, host, made.get_future().share());
  try {
    net::node node(system, std::move(options));
    node.offer("fragile", fragile);
    made.set_value(&node);
    system.run(until);
    return 0;
  } catch (const net::node_error&) {
    return 1;  // the parent tells why
  }
}

task<> for_ever(context self) { co_await self.sleep(troupe::infinity); }

int write_control(const std::string& text) {
  const auto size = static_cast<ssize_t>(text.size());
  return ::write(net::child_process::control_number, text.data(), text.size()) == size ? 0 : 1;
}

int tell_open_files() {
  std::set<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    numbers.insert(std::stoi(entry.path().filename()));
  std::string text;
  for (const int n : numbers)  // but that of the directory, which is closed by now
    if (std::filesystem::exists("/proc/self/fd/" + std::to_string(n)))
      text += (text.empty() ? "" : " ") + std::to_string(n);
  return write_control(text + "\n");
}

int tell_whether_peer() {
  if (net::is_peer()) return write_control("yes\n");
  std::cout << "no\n";
  return 0;
}

// Owns a port whose program tells its id, and waits.
int run_port_owner() {
  troupe::system system({.workers = 2, .log = std::make_shared<kept_log>()});
  system.run([](context self) -> task<> {
    net::command sleeper{.program = "sh", .arguments = {"-c", "echo $$; exec sleep 1000"}};
    (void)co_await net::start_port(self, {.commands = {std::move(sleeper)}});
    auto line = co_await self.receive<request<net::port_data>>();
    write_control(line->bytes + "\n");
    co_await self.sleep(troupe::infinity);
  });
  return 0;
}

const std::map<std::string, int (*)()> programs = {
    {"peer", [] { return run_node({}, net::until_parent_ends); }},
    {"deaf peer",
     [] {
       std::signal(SIGTERM, SIG_IGN);
       return run_node({}, for_ever);
     }},
    {"peer that fails when stopped", [] { return run_node({}, net::until_parent_ends) + 3; }},
    {"peer with another cookie",
     [] {
       return run_node({.cookie = "a cookie of its own, long enough"}, net::until_parent_ends);
     }},
    {"fast ticking peer", [] { return run_node({.tick_time = 400ms}, net::until_parent_ends); }},
    {"slow ticking peer", [] { return run_node({.tick_time = 1h}, net::until_parent_ends); }},
    {"am I a peer", tell_whether_peer},
    {"open files", tell_open_files},
    {"port owner", run_port_owner},
};

std::optional<int> run_program(int argc, char** argv) {
  const auto wanted = argc == 2 ? programs.find(argv[1]) : programs.end();
  if (wanted == programs.end()) return std::nullopt;
  return wanted->second();
}

[[maybe_unused]] const bool set = (instead_of_tests = run_program, true);

}  // namespace
}  // namespace troupe_test
