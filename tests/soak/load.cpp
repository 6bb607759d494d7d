// Nodes that exchange messages while all processors are busy: nobody may be taken for dead.

#include <troupe/net/port.hpp>

#include <fstream>
#include <thread>

#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::pid;
using troupe::request;
using troupe::task;

namespace {

constexpr auto tick_time = 4s;
constexpr int peers = 2;
constexpr std::size_t content_bytes = 1000;
constexpr int calls_in_a_burst = 50;
constexpr auto pause = 20ms;  // between bursts

troupe::process call_echo(context self, std::string node, std::shared_ptr<seen> into) {
  const std::string content(content_bytes, 'x');
  for (std::int64_t i = 1;; ++i) {
    const auto start = self.now();
    const troupe::destination to{"echo", node};
    auto got = co_await self.try_call(to, echo_of{i, content}, troupe::infinity);
    into->failed_calls += got && *got == i ? 0 : 1;
    into->longest_ns = std::max<std::int64_t>(into->longest_ns, (self.now() - start).count());
    ++into->calls;
    if (!got || i % calls_in_a_burst == 0) co_await self.sleep(pause);
  }
}

// The processor time of the machine so far: all, and what nobody wanted.
struct machine_time {
  double all = 0;
  double idle = 0;
};
machine_time time_of_machine() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  stat >> cpu;
  machine_time out;
  constexpr int idle_column = 3;
  double ticks = 0;
  for (int column = 0; column < 8 && stat >> ticks; ++column) {
    out.all += ticks;
    if (column == idle_column) out.idle += ticks;
  }
  return out;
}

// Takes a processor until this process ends.
task<> burn(context self) {
  troupe::net::command loop{.program = "sh", .arguments = {"-c", "while :; do :; done"}};
  troupe::net::port_options how;
  how.commands.push_back(std::move(loop));
  (void)co_await troupe::net::start_port(self, std::move(how));
}

void report(run& r, const std::vector<seen>& nodes) {
  seen all;
  for (const seen& s : nodes) {
    all.downs += s.downs;
    all.failed_calls += s.failed_calls;
    all.calls += s.calls;
    all.longest_ns = std::max(all.longest_ns, s.longest_ns);
  }
  r.figure("calls between nodes", static_cast<double>(all.calls), "");
  r.figure("the longest of them", ms(std::chrono::nanoseconds(all.longest_ns)), "ms");
  r.at_most("calls that failed", static_cast<double>(all.failed_calls), 0, "");
  r.at_most("nodes taken for dead", static_cast<double>(all.downs), 0, "");
}

}  // namespace

troupe::process talker(context self, made_node made) {
  troupe::net::node* const home = co_await self.blocking([&] { return made.get(); });
  const auto found = std::make_shared<std::vector<std::shared_ptr<seen>>>();
  std::int64_t downs = 0;
  for (;;)
    co_await self.receive(
        [&](const talk_with& others) {
          home->monitor_nodes(self);
          for (const std::string& node : others.nodes) {
            found->push_back(std::make_shared<seen>());
            self.spawn_link(call_echo, node, found->back());
          }
        },
        [&](const troupe::net::nodedown&) { ++downs; },
        [&](request<tell_seen> r) {
          seen all{.downs = downs};
          for (const auto& one : *found) {
            all.failed_calls += one->failed_calls;
            all.calls += one->calls;
            all.longest_ns = std::max(all.longest_ns, one->longest_ns);
          }
          r.reply(all);
        });
}

void load(run& r) {
  const auto time = r.size<std::chrono::nanoseconds>(3s, 3600s);
  home_node home({.tick_time = tick_time});
  std::promise<troupe::net::node*> made;
  made.set_value(&home.node);
  home.system.spawn_with({.name = "echo"}, echo);
  home.system.spawn_with({.name = "talker"}, talker, made.get_future().share());
  home.system.run([&](context self) -> task<> {
    std::vector<std::string> nodes{home.node.name()};
    std::vector<pid> others;
    for (int i = 0; i < peers; ++i) {
      const auto peer = co_await start_ready_peer(self, home.node, peer_program(tick_time));
      nodes.push_back(peer.node);
      others.push_back(peer.peer);
    }
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) co_await burn(self);
    for (const auto& node : nodes) {
      talk_with all;
      for (const auto& other : nodes)
        if (other != node) all.nodes.push_back(other);
      self.send({"talker", node}, all);
    }
    const machine_time before = time_of_machine();
    co_await self.sleep(time);
    const machine_time after = time_of_machine();
    std::vector<seen> all;
    for (const auto& node : nodes)
      all.push_back(co_await self.call({"talker", node}, tell_seen{}, troupe::infinity));
    r.figure("time", std::chrono::duration<double>(time).count(), "s");
    r.figure("tick time", std::chrono::duration<double>(tick_time).count(), "s");
    r.soon("processor time that was idle",
           100 * (after.idle - before.idle) / (after.all - before.all), 1, "%");
    report(r, all);
    self.exit(self.whereis("talker"), troupe::exit_reason::kill);
    for (const pid other : others) co_await end_peer(self, other);
  });
}

}  // namespace soak
