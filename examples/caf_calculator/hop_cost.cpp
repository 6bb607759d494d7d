// caf_hop_cost: what a message costs within each world and over the bridge. Prints nanoseconds.

#include "messages.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <cstdio>

namespace {

using example::add;
using example::outcome;
using troupe::context;
using troupe::task;

constexpr int sends = 500'000;
constexpr int calls = 50'000;

caf::behavior actor(caf::event_based_actor* self) {
  self->set_default_handler(caf::drop);
  return {[](caf::add_atom, int a, int b) { return a + b; }, [](caf::ok_atom, int) {}};
}

troupe::process process(context self) {
  for (;;)
    co_await self.receive([](troupe::request<add> r) { r.reply(r->a + r->b); }, [](outcome) {});
}

template <class Work>
void report(const char* what, int count, Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
  std::printf("%-48s %8.0f ns\n", what, time.count() / count);
}

// The call at the end waits until all that was sent before has been taken.
void from_process(troupe::system& system, const char* sent, const char* called, troupe::pid to) {
  report(sent, sends, [&] {
    system.run([&](context self) -> task<> {
      for (int i = 0; i < sends; ++i) self.send(to, outcome{i});
      (void)co_await self.call(to, add{1, 2}, std::chrono::minutes(1));
    });
  });
  report(called, calls, [&] {
    system.run([&](context self) -> task<> {
      for (int i = 0; i < calls; ++i) (void)co_await self.call(to, add{i, 1});
    });
  });
}

void ask_again(caf::event_based_actor* self, const caf::actor& to, int left) {
  if (left == 0) return self->quit();
  self->request(to, caf::infinite, caf::add_atom::value, left, 1).then([=](int) {
    ask_again(self, to, left - 1);
  });
}

void from_actor(caf::actor_system& guests, const char* sent, const char* called,
                const caf::actor& to) {
  const caf::scoped_actor me(guests);
  report(sent, sends, [&] {
    me->wait_for(guests.spawn([&](caf::event_based_actor* self) {
      for (int i = 0; i < sends; ++i) self->send(to, caf::ok_atom::value, i);
      self->request(to, caf::infinite, caf::add_atom::value, 1, 2).then([](int) {});
    }));
  });
  report(called, calls, [&] { me->wait_for(guests.spawn(ask_again, to, calls)); });
}

}  // namespace

int main() {
  caf::actor_system_config config;
  caf::actor_system guests(config);
  troupe::system system;
  troupe::caf::bridge bridge(guests, system, example::known_types{});
  const auto guest = guests.spawn(actor);
  const auto host = system.spawn(process);
  from_process(system, "troupe to troupe, send", "troupe to troupe, call and reply", host);
  from_process(system, "troupe to CAF, send", "troupe to CAF, call and reply", bridge.adopt(guest));
  from_actor(guests, "CAF to CAF, send", "CAF to CAF, request and response", guest);
  from_actor(guests, "CAF to troupe, send", "CAF to troupe, request and response",
             bridge.handle(host));
}
