// CAF actors in registries and process groups, and processes in these for CAF.
#include <troupe/groups.hpp>
#include <troupe/registry.hpp>

#include "support.hpp"

namespace {

using namespace troupe_test;
using troupe::groups;
using players = troupe::registry<std::string, int>;
using pids = std::vector<pid>;

TEST_CASE("an adopted actor in a group is sent to and leaves when it ends") {
  worlds w;
  const groups all(*w.home);
  const ::caf::scoped_actor me(w.guests);
  const auto relay = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        return {[=](const note& n) { self->send(to, n); }};
      },
      ::caf::actor(me));
  const pid guest = w.bridge->adopt(relay);
  all.join("guests", guest);
  CHECK(all.send("guests", note{"all of you"}) == 1);
  me->receive([](const note& n) { CHECK(n.text == "all of you"); });
  w.home->run([&](context self) -> task<> {
    const auto begun = all.monitor(self, "guests");
    CHECK(begun.members == pids{guest});
    ::caf::anon_send_exit(relay, ::caf::exit_reason::user_shutdown);
    const auto left = co_await self.receive<groups::left>();
    CHECK(left.ref == begun.ref);
    CHECK(left.processes == pids{guest});
    CHECK(all.members("guests").empty());
  });
}

TEST_CASE("an adopted actor that fails has left its group before its down") {
  worlds w;
  const groups all(*w.home);
  for (int round = 0; round < 50; ++round) {
    const pid c = w.bridge->adopt(w.guests.spawn(calculator));
    all.join("calculators", {c, c});
    w.home->run([&](context self) -> task<> {
      (void)self.monitor(c);
      self.send(c, stop{"error"});
      CHECK((co_await self.receive<troupe::down>()).reason.type() == "caf::system:20");
      CHECK(all.members("calculators").empty());
    });
  }
}

TEST_CASE("CAF reaches the members of a group through their handles") {
  worlds w;
  const groups all(*w.home);
  const ::caf::scoped_actor me(w.guests);
  all.join("calculators", {w.home->spawn(our_calculator), w.home->spawn(our_calculator),
                           w.bridge->adopt(w.guests.spawn(calculator))});
  int sum = 0;
  for (const pid member : all.members("calculators"))
    me->request(w.bridge->handle(member), 10s, ::caf::add_atom::value, 20, 22)
        .receive([&](int n) { sum += n; }, [](const ::caf::error& e) { FAIL(to_string(e)); });
  CHECK(sum == 3 * 42);
}

TEST_CASE("a CAF actor in a group of actors of both kinds is known by its pid") {
  worlds w;
  const groups all(*w.home);
  const auto actor = w.guests.spawn(calculator);
  const pid ours = w.home->spawn(our_calculator);
  // An actor that CAF passes on joins by its pid: of the actor, and of the process behind a handle.
  all.join("both", {w.bridge->adopt(actor), w.bridge->adopt(w.bridge->handle(ours))});
  const auto members = all.members("both");
  REQUIRE(members.size() == 2);
  CHECK(w.bridge->handle(members[0]) == actor);
  CHECK(members[1] == ours);
}

TEST_CASE("an adopted actor has a key of a registry until it ends") {
  worlds w;
  const players all(*w.home);
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt_under(actor, all.via("calculator", 7));
  CHECK(all.whereis("calculator") == c);
  CHECK(all.lookup("calculator").at(0).value == 7);
  CHECK(w.home->call(all.via("calculator"), add{20, 22}) == 42);
  CHECK_THROWS_WITH(w.bridge->adopt_under(actor, all.via("again")),
                    matchers::ContainsSubstring("when it is adopted first"));
  w.home->run([&](context self) -> task<> {
    (void)self.monitor(c);
    self.send(all.via("calculator"), stop{"shutdown"});
    CHECK((co_await self.receive<troupe::down>()).from == c);
    CHECK_FALSE(all.whereis("calculator"));
  });
}

TEST_CASE("an actor whose key is taken is not adopted and goes on") {
  worlds w;
  const players all(*w.home);
  w.home->spawn_with({.under = all.via("calculator")}, our_calculator);
  const auto actor = w.guests.spawn(calculator);
  CHECK_THROWS_AS(w.bridge->adopt_under(actor, all.via("calculator")), troupe::name_taken);
  CHECK(w.bridge->counts().adopted == 0);
  CHECK(w.home->call(w.bridge->adopt(actor), add{20, 22}) == 42);
}

TEST_CASE("a child that is an actor is restarted under its key") {
  worlds w;
  const players all(*w.home);
  w.home->supervise(troupe::one_for_one{},
                    {w.bridge->child("calculator", calculator).under(all.via("calculator"))});
  const pid first = all.whereis("calculator");
  REQUIRE(first);
  w.home->send(first, stop{"error"});
  CHECK(comes_true([&] {
    const pid now = all.whereis("calculator");
    return now && now != first;
  }));
  CHECK(w.home->call(all.via("calculator"), add{20, 22}) == 42);
}

TEST_CASE("CAF asks a process that is found by its key") {
  worlds w;
  const players all(*w.home);
  w.home->spawn_with({.under = all.via("calculator")}, our_calculator);
  const ::caf::scoped_actor me(w.guests);
  const auto h = w.bridge->handle(all.whereis("calculator"));
  me->request(h, 10s, ::caf::add_atom::value, 20, 22)
      .receive([](int n) { CHECK(n == 42); }, [](const ::caf::error& e) { FAIL(to_string(e)); });
  w.home->exit(all.whereis("calculator"), exit_reason::kill);
  CHECK(comes_true([&] { return !all.whereis("calculator"); }));
}

}  // namespace
