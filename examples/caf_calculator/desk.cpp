#include "calculator.hpp"
#include "messages.hpp"
#include "roles.hpp"

#include <troupe/net/peer.hpp>

#include <iostream>
#include <stdexcept>

namespace example {
namespace {

using namespace std::chrono_literals;
using troupe::task;

constexpr int max_tries = 500;
constexpr auto between_tries = 10ms;

// The calculator may be just being started again: then it is asked again.
template <class Question>
task<int> ask(troupe::context self, std::string node, Question what) {
  for (int tries = 0; tries < max_tries; ++tries) {
    auto answer = co_await self.try_call({"calculator", node}, what);
    if (answer) co_return *answer;
    if (answer.reason() != troupe::exit_reason::noproc)
      throw std::runtime_error(to_string(answer.reason()));
    co_await self.sleep(between_tries);
  }
  throw std::runtime_error("there is no calculator on " + node);
}

// What CAF's actor does with a handle of the calculator, which is on the other node.
task<int> let_a_customer_ask(troupe::context self, troupe::caf::bridge& bridge,
                             caf::actor_system& guests, troupe::pid calculator) {
  guests.spawn(customer, bridge.handle(calculator), bridge.handle(self));
  co_return (co_await self.receive<outcome>()).value;
}

task<> show(troupe::context self, troupe::net::node& node, troupe::caf::bridge& bridge,
            caf::actor_system& guests) {
  const auto workshop =
      co_await troupe::net::start_peer(self, node, {.name = "workshop@127.0.0.1:0"});
  std::cout << "the workshop is OS process " << workshop.os_process << std::endl;
  std::cout << "a process asks for 20 + 22: " << co_await ask(self, workshop.node, add{20, 22})
            << std::endl;
  auto calculator = co_await self.call({"directory", workshop.node}, find{.name = "calculator"});
  std::cout << "an actor of CAF asks for 84 / 2: "
            << co_await let_a_customer_ask(self, bridge, guests, calculator) << std::endl;

  const auto failed = co_await self.try_call({"calculator", workshop.node}, divide{1, 0});
  std::cout << "1 / 0 ends the calculator: " << to_string(failed.reason()) << std::endl;
  std::cout << "its supervisor has started another: 50 - 8 is "
            << co_await ask(self, workshop.node, subtract{50, 8}) << std::endl;

  calculator = co_await self.call({"directory", workshop.node}, find{.name = "calculator"});
  const auto watch = self.monitor(calculator);
  self.exit(calculator, troupe::exit_reason::kill);
  const auto ended =
      co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == watch; });
  std::cout << "killed from here: " << to_string(ended.reason) << "; then 40 + 2 is "
            << co_await ask(self, workshop.node, add{40, 2}) << std::endl;

  const auto stopped = self.monitor(workshop.peer);
  self.exit(workshop.peer, troupe::exit_reason::shutdown);
  const auto stop =
      co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == stopped; });
  std::cout << "the workshop has stopped: " << to_string(stop.reason) << std::endl;
}

}  // namespace

void run_desk() {
  caf::actor_system_config config;
  caf::actor_system guests(config);
  troupe::system system;
  troupe::caf::bridge bridge(guests, system, known_types{});
  troupe::net::node node(
      system, {.name = "desk@127.0.0.1:0", .cookie = troupe::net::random_cookie(system)});
  system.run([&](troupe::context self) { return show(self, node, bridge, guests); });
}

}  // namespace example
