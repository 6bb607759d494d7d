// CAF actors in our world: sent to, called, named, linked, monitored.
#include "support.hpp"

namespace {

using namespace troupe_test;

TEST_CASE("an adopted actor answers calls") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  CHECK(w.home->call(c, add{20, 22}) == 42);
  CHECK(w.home->call(c, locate{"here"}) == position{1.5, 2.5});
  w.home->call(c, forget{});
}

TEST_CASE("an adopted actor takes what is sent to it in order") {
  worlds w;
  std::string order;
  const ::caf::scoped_actor me(w.guests);
  const auto relay = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        return {[=](const note& n) { self->send(to, n); }};
      },
      ::caf::actor(me));
  const pid p = w.bridge->adopt(relay);
  w.home->run([&](context self) -> task<> {
    for (int i = 0; i < 1000; ++i) self.send(p, note{std::to_string(i)});
    co_return;
  });
  for (int i = 0; i < 1000; ++i)
    me->receive([&](const note& n) { CHECK(n.text == std::to_string(i)); });
}

TEST_CASE("a value crosses by move in both directions") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  note n{std::string(1000, 'x')};
  const char* const ours = n.text.data();
  w.home->send(w.bridge->adopt(::caf::actor(me)), std::move(n));
  const char* theirs = nullptr;
  me->receive([&](const note& got) { theirs = got.text.data(); });
  CHECK(theirs == ours);

  w.home->run([&](context self) -> task<> {
    note back{std::string(1000, 'y')};
    const char* const sent = back.text.data();
    ::caf::anon_send(w.bridge->handle(self), std::move(back));
    const note got = co_await self.receive<note>();
    CHECK(got.text.data() == sent);
  });
}

TEST_CASE("a message that others in CAF hold too is copied") {
  worlds w;
  w.home->run([&](context self) -> task<> {
    const auto shared = ::caf::make_message(note{std::string(1000, 'x')});
    ::caf::anon_send(w.bridge->handle(self), shared);
    const note got = co_await self.receive<note>();
    CHECK(got.text == std::string(1000, 'x'));
    CHECK(shared.get_as<note>(0).text == got.text);
  });
}

TEST_CASE("an adopted actor has one pid and its names") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt(actor, "calculator");
  CHECK(w.bridge->adopt(actor) == c);
  CHECK(w.bridge->adopt(actor, "calculator") == c);
  CHECK_THROWS_WITH(w.bridge->adopt(actor, "other"), matchers::ContainsSubstring("'other'"));
  CHECK(w.home->call("calculator", add{1, 2}) == 3);
  CHECK_THROWS_AS(w.bridge->adopt(w.guests.spawn(calculator), "calculator"), troupe::name_taken);
  CHECK_THROWS_AS(w.bridge->adopt(::caf::actor{}), std::invalid_argument);
  CHECK(w.bridge->counts().adopted == 1);
}

TEST_CASE("an actor and its pid are the same on both ways through the bridge") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt(actor);
  CHECK(w.bridge->handle(c) == actor);
  const pid p = w.home->spawn(our_calculator);
  const auto handle = w.bridge->handle(p);
  CHECK(w.bridge->adopt(handle) == p);
  CHECK(w.bridge->handle(p) == handle);
  CHECK(w.bridge->counts() == troupe::caf::bridge_counts{1, 1, 0});
  CHECK(w.home->call(c, who_are_you{}) == c);
}

TEST_CASE("a pid in a message is an actor in CAF") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  w.home->run([&](context self) -> task<> {
    self.send(c, introduce{self});
    const note n = co_await self.receive<note>();
    CHECK(n.text == "hello from CAF");
  });
}

TEST_CASE("a monitor on an adopted actor yields one down with its reason translated") {
  worlds w;
  const auto ends = [&](const std::string& how) {
    const pid c = w.bridge->adopt(w.guests.spawn(calculator));
    return w.home->run([&](context self) -> task<exit_reason> {
      const auto ref = self.monitor(c);
      self.send(c, stop{how});
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.ref == ref);
      CHECK(d.from == c);
      CHECK_FALSE(co_await self.receive_within<troupe::down>(0ns));
      co_return d.reason;
    });
  };
  CHECK(ends("normal") == exit_reason::normal);
  CHECK(ends("shutdown") == exit_reason::shutdown);
  CHECK(ends("kill") == exit_reason::killed);
  CHECK(ends("unreachable") == exit_reason::noconnection);
  const auto error = ends("error");
  CHECK(error.type() == "caf::system:20");
  CHECK_THAT(std::string(error.text()), matchers::ContainsSubstring("invalid_argument"));
  CHECK(ends("an exception").what() == exit_reason::kind::error);
}

TEST_CASE("a monitor on an actor that ended before it was adopted yields one down") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  ::caf::anon_send_exit(actor, ::caf::exit_reason::user_shutdown);
  const ::caf::scoped_actor me(w.guests);
  me->wait_for(actor);
  const pid c = w.bridge->adopt(actor);
  w.home->run([&](context self) -> task<> {
    const auto end = co_await end_of(self, c);
    CHECK((end == exit_reason::shutdown || end == exit_reason::noproc));
  });
  CHECK(comes_true([&] { return w.bridge->counts().adopted == 0; }));
}

TEST_CASE("a process that is linked to an adopted actor ends with it") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  w.home->run([&](context self) -> task<> {
    const auto linked = self.spawn_monitor([c](context me) -> troupe::process {
      me.link(c);
      me.send(c, stop{"error"});
      co_await me.receive([](troupe::exit_signal) {});
    });
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == linked.ref);
    CHECK(d.reason.type() == "caf::system:20");
  });
}

TEST_CASE("a link to an adopted actor breaks once for a process that traps exits") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  w.home->run([&](context self) -> task<> {
    self.trap_exits(true);
    self.link(c);
    self.send(c, stop{"shutdown"});
    const auto e = co_await self.receive<troupe::exit_signal>();
    CHECK(e.from == c);
    CHECK(e.reason == exit_reason::shutdown);
    (void)co_await end_of(self, c);
    CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
  });
}

TEST_CASE("an adopted actor ends when a process that is linked to it fails") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt(actor);
  const ::caf::scoped_actor me(w.guests);
  me->monitor(actor);
  CHECK(w.home->call(c, add{1, 2}) == 3);
  w.home->spawn([c](context self) -> troupe::process {
    self.link(c);
    throw std::runtime_error("disk full");
    co_return;
  });
  me->receive([&](const ::caf::down_msg& d) {
    CHECK(d.source == actor);
    CHECK(d.reason.category() == ::caf::atom("troupe"));
    CHECK_THAT(to_string(d.reason), matchers::ContainsSubstring("disk full"));
  });
}

TEST_CASE("an adopted actor with an exit handler decides itself about exit signals") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  const auto actor = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        self->set_exit_handler([=](::caf::exit_msg& e) { self->send(to, e.reason); });
        return {[](::caf::add_atom, int a, int b) { return a + b; }};
      },
      ::caf::actor(me));
  const pid c = w.bridge->adopt(actor);
  CHECK(w.home->call(c, add{1, 1}) == 2);
  w.home->exit(c, exit_reason::shutdown);
  me->receive([](const ::caf::error& e) { CHECK(e == ::caf::exit_reason::user_shutdown); });
  CHECK(w.home->call(c, add{1, 2}) == 3);
  w.home->exit(c, exit_reason::kill);
  me->wait_for(actor);
}

TEST_CASE("kill ends an adopted actor and its pid") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt(actor);
  const ::caf::scoped_actor me(w.guests);
  me->monitor(actor);
  w.home->run([&](context self) -> task<> {
    const auto ref = self.monitor(c);
    self.exit(c, exit_reason::kill);
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ref);
    CHECK(d.reason == exit_reason::killed);
  });
  me->receive([](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::kill); });
  CHECK(w.bridge->counts().adopted == 0);
}

TEST_CASE("an actor that is adopted and ended at once is gone with its pid") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  for (int i = 0; i < 200; ++i) {
    const auto actor = w.guests.spawn(calculator);
    w.home->exit(w.bridge->adopt(actor), i % 2 == 0 ? exit_reason::kill : exit_reason::shutdown);
    me->wait_for(actor);
  }
  CHECK(comes_true([&] { return w.bridge->counts().adopted == 0; }));
}

TEST_CASE("an adopted actor lives without any handle of CAF") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  for (int i = 0; i < 100; ++i) CHECK(w.home->call(c, add{i, 1}) == i + 1);
}

}  // namespace
