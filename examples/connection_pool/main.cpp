// connection_pool: asks a service over a few TCP connections, through overload and an outage.
// README.md shows what it prints.

#include "echo_server.hpp"
#include "pool.hpp"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <optional>

namespace {

using namespace std::chrono_literals;
using troupe::context;
using troupe::task;

struct outcome {
  std::string what;
};

troupe::process client(context self, troupe::partitions pools, int number,
                       std::chrono::nanoseconds limit, troupe::pid report) {
  std::string what = "answered";
  try {
    const std::string text = "question " + std::to_string(number);
    if (co_await pooled::ask_pool(self, pools, text, text, limit) != text) what = "wrong";
  } catch (const troupe::call_error& failed) {
    what = failed.reason().type();
  }
  self.send(report, outcome{what.empty() ? "failed" : what});
}

// So many clients at once: how many fared how.
task<std::map<std::string, int>> ask_at_once(context self, troupe::partitions pools, int clients,
                                             std::chrono::nanoseconds limit) {
  for (int i = 0; i < clients; ++i) self.spawn(client, pools, i, limit, self.id());
  std::map<std::string, int> outcomes;
  for (int i = 0; i < clients; ++i) ++outcomes[(co_await self.receive<outcome>()).what];
  co_return outcomes;
}

task<> ask_until_answered(context self, troupe::partitions pools) {
  for (;;)
    if ((co_await ask_at_once(self, pools, 1, 1s)).contains("answered")) co_return;
}

void show(const char* title, const std::map<std::string, int>& outcomes) {
  std::cout << title << ':';
  for (const auto& [what, times] : outcomes) std::cout << "  " << times << ' ' << what;
  std::cout << std::endl;
}

}  // namespace

int main() {
  try {
    std::optional<pooled::echo_server> server(std::in_place);
    const auto port = server->port();
    troupe::system system({.log = troupe::make_stderr_log(troupe::log_level::error)});
    const auto pools = pooled::start_pools(system, pooled::tcp(port));
    const auto run = [&](int clients, std::chrono::nanoseconds limit) {
      return system.run([&](context self) { return ask_at_once(self, pools, clients, limit); });
    };

    system.run([&](context self) { return ask_until_answered(self, pools); });
    show("20 clients, 8 connections", run(20, 5s));
    show("1000 clients at once", run(1000, 5s));
    server.reset();
    show("the service is away", run(10, 500ms));
    server.emplace(port);
    system.run([&](context self) { return ask_until_answered(self, pools); });
    std::cout << system.tree() << "all is well\n";
  } catch (const std::exception& failed) {
    std::cerr << "connection_pool: " << failed.what() << '\n';
    return 1;
  }
}
