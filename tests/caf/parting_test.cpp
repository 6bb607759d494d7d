// The end of a bridge and of either world, and races of ends: nothing leaks, nothing is told twice.
#include "support.hpp"

#include <optional>

namespace {

using namespace troupe_test;

// A tree with an actor, an adopted actor, and an actor that holds, watches and is linked to a
// handle.
void populate(::caf::actor_system& guests, troupe::system& home, troupe::caf::bridge& bridge) {
  home.supervise(troupe::one_for_one{}, {bridge.child("calculator", calculator).registered()});
  const pid c = bridge.adopt(guests.spawn(calculator));
  const pid p = home.spawn(our_calculator);
  guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        self->monitor(to);
        self->link_to(to);
        self->request(to, ::caf::infinite, ::caf::idle_atom::value).then([](int) {});
        return {[=](::caf::add_atom sum, int a, int b) { return self->delegate(to, sum, a, b); }};
      },
      bridge.handle(p));
  CHECK(home.call(c, add{20, 22}) == 42);
  CHECK(home.call("calculator", add{20, 22}) == 42);
}

TEST_CASE("nothing is left when the bridge and then our system stop first") {
  worlds::two_threads config;
  ::caf::actor_system guests(config);
  checked_system home;
  std::optional<troupe::caf::bridge> bridge(std::in_place, guests, *home, known_types{});
  populate(guests, *home, *bridge);
  bridge.reset();
}

TEST_CASE("nothing is left when the bridge and then CAF's system stop first") {
  checked_system home;
  worlds::two_threads config;
  std::optional<::caf::actor_system> guests(std::in_place, config);
  std::optional<troupe::caf::bridge> bridge(std::in_place, *guests, *home, known_types{});
  populate(*guests, *home, *bridge);
  bridge.reset();
  guests.reset();
}

TEST_CASE("a child stays without its actor when the bridge has closed before its tree") {
  worlds w;
  w.home->supervise(troupe::one_for_one{},
                    {w.bridge->child("calculator", calculator).registered()});
  const pid c = w.home->whereis("calculator");
  w.bridge.reset();
  CHECK(w.home->whereis("calculator") == c);
  CHECK_THROWS_WITH(w.home->call(c, add{1, 2}), matchers::ContainsSubstring("noproc"));
  w.home->exit(c, exit_reason::kill);  // what is started in its place has no actor either
  CHECK(comes_true([&] {
    const pid now = w.home->whereis("calculator");
    return now && now != c;
  }));
  CHECK_THROWS_WITH(w.home->call("calculator", add{1, 2}), matchers::ContainsSubstring("noproc"));
  CHECK(w.home.log->text(troupe::log_level::error).find("given up") == std::string::npos);
}

TEST_CASE("a bridge that closes ends what it adopted and its handles") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  const auto actor = w.guests.spawn(calculator);
  const pid p = w.home->spawn(our_calculator);
  const pid c = w.bridge->adopt(actor);
  const auto h = w.bridge->handle(p);
  me->monitor(actor);
  me->monitor(h);
  const pid watcher = w.home->spawn([c](context self) -> troupe::process {
    self.trap_exits(true);
    self.link(c);
    co_await self.receive([](request<forget> r) { r.reply(); });
    const auto e = co_await self.receive<troupe::exit_signal>();
    co_await self.receive(
        [&](request<add> r) { r.reply(e.reason == exit_reason::shutdown ? 1 : 0); });
  });
  w.home->call(watcher, forget{});
  CHECK(w.home->call(c, add{1, 2}) == 3);  // so that the link is there
  w.bridge.reset();
  for (int i = 0; i < 2; ++i)
    me->receive(
        [](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::user_shutdown); });
  CHECK(w.home->call(watcher, add{0, 0}) == 1);
  CHECK(w.home->call(p, add{1, 2}) == 3);
  ::caf::anon_send(h, note{"the bridge is gone"});
  me->request(h, 10s, ::caf::add_atom::value, 1, 2)
      .receive([](int) { FAIL("an answer"); },
               [](const ::caf::error& e) { CHECK(e == ::caf::sec::request_receiver_down); });
}

// --- ends in the moment of a beginning. With one worker, a process that goes on has not given the
// bridge's processes a turn yet. ---

TEST_CASE("an exit signal right after adopting is for the actor's exit handler") {
  worlds w({.workers = 1});
  const ::caf::scoped_actor me(w.guests);
  const auto actor = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        self->set_exit_handler([=](::caf::exit_msg& e) { self->send(to, e.reason); });
        return {[](::caf::add_atom, int a, int b) { return a + b; }};
      },
      ::caf::actor(me));
  const pid c = w.home->run([&](context self) -> task<pid> {
    const pid adopted = w.bridge->adopt(actor);
    self.exit(adopted, exit_reason::shutdown);
    co_return adopted;
  });
  me->receive([](const ::caf::error& e) { CHECK(e == ::caf::exit_reason::user_shutdown); },
              ::caf::after(20s) >> [] { FAIL("the exit handler was not asked"); });
  CHECK(w.home->call(c, add{1, 2}) == 3);
}

TEST_CASE("an actor without an exit handler sees the reason of a signal right after adopting") {
  worlds w({.workers = 1});
  const ::caf::scoped_actor me(w.guests);
  const auto actor = w.guests.spawn(calculator);
  me->monitor(actor);
  w.home->run([&](context self) -> task<> {
    const pid c = w.bridge->adopt(actor);
    const auto ref = self.monitor(c);
    self.exit(c, exit_reason::shutdown);
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ref);
    CHECK(d.reason == exit_reason::shutdown);
    CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
  });
  me->receive(
      [](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::user_shutdown); });
}

TEST_CASE("an actor that ends right after adopting ends its pid once with its reason") {
  worlds w({.workers = 1});
  const ::caf::scoped_actor me(w.guests);
  for (int round = 0; round < 50; ++round) {
    const auto actor = w.guests.spawn(calculator);
    w.home->run([&](context self) -> task<> {
      const pid c = w.bridge->adopt(actor);
      const auto ref = self.monitor(c);
      ::caf::anon_send(actor, ::caf::close_atom::value, std::string("error"));
      if (round % 2 == 0) co_await self.blocking([&] { me->wait_for(actor); });
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.ref == ref);
      CHECK(d.reason.type() == "caf::system:20");
      (void)co_await end_of(self, c);
      CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
    });
  }
  CHECK(w.bridge->counts().adopted == 0);
}

TEST_CASE("a process that ends right after a handle was made is told of once with its reason") {
  worlds w({.workers = 1});
  for (int round = 0; round < 50; ++round) {
    const ::caf::scoped_actor me(w.guests);
    w.home->run([&](context self) -> task<> {
      const pid p = self.spawn(our_calculator);
      const auto h = w.bridge->handle(p);
      me->monitor(h);
      self.exit(p, exit_reason::shutdown);
      (void)co_await end_of(self, p);
    });
    me->receive(
        [](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::user_shutdown); });
    me->receive([](const ::caf::down_msg&) { FAIL("a second down"); }, ::caf::after(0s) >> [] {});
  }
  CHECK(comes_true([&] { return w.bridge->counts().handles == 0; }));
}

TEST_CASE("a request to a handle of a process that ends right away fails once") {
  worlds w({.workers = 1});
  for (int round = 0; round < 50; ++round) {
    const ::caf::scoped_actor me(w.guests);
    const auto h = w.home->run([&](context self) -> task<::caf::actor> {
      const pid p = self.spawn([](context) -> troupe::process { co_return; });
      co_return w.bridge->handle(p);
    });
    int ends = 0;
    me->request(h, 10s, ::caf::add_atom::value, 1, 2)
        .receive([](int) { FAIL("an answer"); }, [&](const ::caf::error&) { ++ends; });
    CHECK(ends == 1);
  }
}

// --- races ---

TEST_CASE("an actor and its pid that are ended at once end once for all who watch") {
  worlds w;
  for (int round = 0; round < 300; ++round) {
    const auto actor = w.guests.spawn(calculator);
    const pid c = w.bridge->adopt(actor);
    w.home->run([&](context self) -> task<> {
      self.trap_exits(true);
      self.link(c);
      const auto ref = self.monitor(c);
      self.spawn([c](context killer) -> troupe::process {
        killer.exit(c, exit_reason::kill);
        co_return;
      });
      ::caf::anon_send_exit(actor, ::caf::exit_reason::user_shutdown);
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.ref == ref);
      CHECK((d.reason == exit_reason::killed || d.reason == exit_reason::shutdown));
      (void)co_await self.receive<troupe::exit_signal>();
      (void)co_await end_of(self, c);
      CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
      CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
    });
  }
  CHECK(comes_true([&] { return w.bridge->counts().adopted == 0; }));
}

TEST_CASE("an actor and a process that are linked and ended at once end once each") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  for (int round = 0; round < 300; ++round) {
    const auto actor = w.guests.spawn(calculator);
    const pid c = w.bridge->adopt(actor);
    const pid p = w.home->spawn([c](context self) -> troupe::process {
      self.link(c);
      co_await self.receive([](note) {});
    });
    const auto h = w.bridge->handle(p);
    me->monitor(actor);
    me->monitor(h);
    me->send(actor, ::caf::close_atom::value, std::string("error"));
    w.home->exit(p, exit_reason::shutdown);
    int downs = 0;
    for (int i = 0; i < 2; ++i) me->receive([&](const ::caf::down_msg&) { ++downs; });
    CHECK(downs == 2);
    me->receive([](const ::caf::down_msg&) { FAIL("a third down"); }, ::caf::after(0s) >> [] {});
  }
  CHECK(comes_true([&] {
    const auto now = w.bridge->counts();
    return now.adopted == 0 && now.handles == 0;
  }));
}

TEST_CASE("every request that races with an end is answered once") {
  worlds w;
  for (int round = 0; round < 100; ++round) {
    const pid p = w.home->spawn(our_calculator);
    const auto h = w.bridge->handle(p);
    const ::caf::scoped_actor me(w.guests);
    const auto asker = w.guests.spawn(
        [](::caf::event_based_actor* self, const ::caf::actor& to, const ::caf::actor& judge) {
          const auto ends = std::make_shared<int>(0);
          const auto count = [=] {
            if (++*ends == 20) self->send(judge, *ends);
          };
          for (int k = 0; k < 20; ++k)
            self->request(to, ::caf::infinite, ::caf::add_atom::value, k, 1)
                .then([=](int) { count(); }, [=](const ::caf::error&) { count(); });
        },
        h, ::caf::actor(me));
    w.home->exit(p, exit_reason::kill);
    me->receive([](int ends) { CHECK(ends == 20); });
  }
}

TEST_CASE("a bridge that closes while all use it leaves nothing") {
  for (int round = 0; round < 30; ++round) {
    worlds w;
    const pid p = w.home->spawn(our_calculator);
    w.home->supervise(troupe::one_for_one{.intensity = 1'000'000},
                      {w.bridge->child("calculator", calculator).registered()});
    for (int i = 0; i < 4; ++i) {
      w.guests.spawn(
          [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
            self->send(self, ::caf::tick_atom::value);
            return {[=](::caf::tick_atom tick) {
              self->send(to, note{"tick"});
              self->request(to, ::caf::infinite, ::caf::add_atom::value, 1, 2)
                  .then([=](int) { self->send(self, tick); },
                        [=](const ::caf::error&) { self->quit(); });
            }};
          },
          w.bridge->handle(p));
      w.home->spawn([](context self) -> troupe::process {
        for (;;) {
          self.send("calculator", stop{"error"});
          if (!co_await self.try_call("calculator", add{1, 2})) co_await self.yield();
        }
      });
    }
    CHECK(comes_true([&] {
      return w.home->run([](context self) -> task<bool> {
        co_return (co_await self.try_call("calculator", add{1, 2})).has_value();
      });
    }));
    w.bridge.reset();
  }
}

}  // namespace
