// Our processes in CAF's world: sent to, monitored, linked, here and on another node.
#include "net/cluster_support.hpp"
#include "support.hpp"

namespace {

using namespace troupe_test;

// Once a request through the handle is answered, what is behind it watches the process.
void answers(const ::caf::scoped_actor& me, const ::caf::actor& h) {
  me->request(h, 10s, ::caf::flush_atom::value)
      .receive([] {}, [](const ::caf::error& e) { FAIL(to_string(e)); });
}

TEST_CASE("what CAF sends to a handle arrives in order") {
  worlds w;
  w.home->run([&](context self) -> task<> {
    const auto h = w.bridge->handle(self);
    const auto sender = w.guests.spawn([h](::caf::event_based_actor* me) {
      for (int i = 0; i < 1000; ++i) me->send(h, note{std::to_string(i)});
    });
    for (int i = 0; i < 1000; ++i) CHECK((co_await self.receive<note>()).text == std::to_string(i));
  });
}

TEST_CASE("an actor in a message is a pid to the process") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  ::caf::anon_send(w.bridge->handle(w.home->spawn(our_calculator)), ::caf::contact_atom::value,
                   ::caf::actor(me));
  me->receive([](const note& n) { CHECK(n.text == "hello from troupe"); });
}

TEST_CASE("CAF's monitor of a handle yields one down with the reason translated") {
  worlds w;
  const auto ends = [&](auto end) {
    const pid p = w.home->spawn(our_calculator);
    const auto h = w.bridge->handle(p);
    const ::caf::scoped_actor me(w.guests);
    me->monitor(h);
    answers(me, h);
    end(p);
    ::caf::error why;
    me->receive([&](const ::caf::down_msg& d) {
      CHECK(d.source == h);
      why = d.reason;
    });
    me->receive([](const ::caf::down_msg&) { FAIL("a second down"); }, ::caf::after(0s) >> [] {});
    return why;
  };
  CHECK_FALSE(ends([&](pid p) { w.home->send(p, stop{"normal"}); }));
  CHECK(ends([&](pid p) { w.home->send(p, stop{"shutdown"}); }) ==
        ::caf::exit_reason::user_shutdown);
  CHECK(ends([&](pid p) { w.home->exit(p, exit_reason::kill); }) == ::caf::exit_reason::kill);
  const auto crash = ends([&](pid p) { w.home->send(p, stop{"disk full"}); });
  CHECK(crash.category() == ::caf::atom("troupe"));
  CHECK_THAT(to_string(crash), matchers::ContainsSubstring("disk full"));
  CHECK(ends([&](pid p) { w.home->exit(p, exit_reason::of(std::string("mine"))); }).category() ==
        ::caf::atom("troupe"));
}

TEST_CASE("CAF's monitor of a process that was dead before yields one down") {
  worlds w;
  const pid p = w.home->spawn([](context) -> troupe::process { co_return; });
  CHECK(comes_true([&] { return !w.home->alive(p); }));
  const ::caf::scoped_actor me(w.guests);
  me->monitor(w.bridge->handle(p));
  me->receive([](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::unknown); });
  CHECK(comes_true([&] { return w.bridge->counts().handles == 0; }));
}

TEST_CASE("an error that crosses the bridge twice is what it was") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  const pid ours = w.home->spawn([c](context self) -> troupe::process {
    self.link(c);
    co_await self.receive([](request<forget> r) { r.reply(); });
    co_await self.receive([](note) {});
  });
  const ::caf::scoped_actor me(w.guests);
  me->monitor(w.bridge->handle(ours));
  answers(me, w.bridge->handle(ours));
  w.home->send(c, stop{"error"});
  me->receive([](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::sec::invalid_argument); });

  const pid other = w.bridge->adopt(w.guests.spawn(calculator));
  CHECK(w.home->call(other, add{1, 2}) == 3);
  w.home->run([&](context self) -> task<> {
    const auto ref = self.monitor(other);
    self.spawn([other](context linked) -> troupe::process {
      linked.link(other);
      throw std::domain_error("disk full");
      co_return;
    });
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ref);
    CHECK(d.reason.type() == "std::domain_error");
    CHECK(d.reason.text() == "disk full");
  });
}

TEST_CASE("an actor that is linked to a handle gets one exit when the process ends") {
  worlds w;
  const pid p = w.home->spawn(our_calculator);
  const auto h = w.bridge->handle(p);
  const ::caf::scoped_actor me(w.guests);
  const auto linked = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to, const ::caf::actor& judge) {
        self->set_exit_handler([=](::caf::exit_msg& e) { self->send(judge, e.source, e.reason); });
        self->link_to(to);
        self->send(judge, ::caf::ok_atom::value);
        return ::caf::behavior{[=](::caf::ok_atom ok) { self->send(judge, ok); }};
      },
      h, ::caf::actor(me));
  me->receive([](::caf::ok_atom) {});
  answers(me, h);
  w.home->send(p, stop{"shutdown"});
  me->receive([&](const ::caf::actor_addr& from, const ::caf::error& why) {
    CHECK(from == h);
    CHECK(why == ::caf::exit_reason::user_shutdown);
  });
  me->send(linked, ::caf::ok_atom::value);
  me->receive([](::caf::ok_atom) { SUCCEED("it lives and got no second exit"); },
              [](const ::caf::actor_addr&, const ::caf::error&) { FAIL("a second exit"); });
  ::caf::anon_send_exit(linked, ::caf::exit_reason::kill);
}

TEST_CASE("a process gets one exit signal when an actor that is linked to its handle ends") {
  worlds w;
  w.home->run([&](context self) -> task<> {
    self.trap_exits(true);
    const auto h = w.bridge->handle(self);
    const auto linked = w.guests.spawn(calculator);
    const pid c = w.bridge->adopt(linked);
    ::caf::actor_cast<::caf::monitorable_actor*>(linked)->link_to(h);
    self.send(c, stop{"error"});
    const auto e = co_await self.receive<troupe::exit_signal>();
    CHECK(e.from == c);
    CHECK(e.reason.type() == "caf::system:20");
    (void)co_await end_of(self, c);
    CHECK_FALSE(co_await self.receive_within<troupe::exit_signal>(0ns));
  });
}

TEST_CASE("an exit_msg of CAF ends a process") {
  worlds w;
  const auto ends = [&](::caf::exit_reason why) {
    const pid p = w.home->spawn(why == ::caf::exit_reason::kill ? trapping_idler : idler);
    return w.home->run([&](context self) -> task<exit_reason> {
      const auto ref = self.monitor(p);
      ::caf::anon_send_exit(w.bridge->handle(p), why);
      const auto d = co_await self.receive<troupe::down>();
      CHECK(d.ref == ref);
      co_return d.reason;
    });
  };
  CHECK(ends(::caf::exit_reason::user_shutdown) == exit_reason::shutdown);
  CHECK(ends(::caf::exit_reason::kill) == exit_reason::killed);
}

TEST_CASE("a handle can be used by CAF while the process ends") {
  worlds w;
  const pid p = w.home->spawn(our_calculator);
  const auto h = w.bridge->handle(p);
  w.home->exit(p, exit_reason::kill);
  CHECK(comes_true([&] { return w.bridge->counts().handles == 0; }));
  ::caf::anon_send(h, note{"nobody there"});
  ::caf::anon_send_exit(h, ::caf::exit_reason::user_shutdown);
  const ::caf::scoped_actor me(w.guests);
  me->request(h, 10s, ::caf::add_atom::value, 1, 2)
      .receive([](int) { FAIL("an answer"); },
               [](const ::caf::error& e) { CHECK(e == ::caf::sec::request_receiver_down); });
  CHECK_THROWS_AS(w.bridge->handle(pid{}), std::invalid_argument);
}

// --- on another node ---

// CAF and the bridge are in the system of one node; the processes are on the other.
struct worlds_on_nodes : two_nodes {
  worlds_on_nodes()
      : bridge(std::make_unique<troupe::caf::bridge>(guests, a.system, known_types{})) {
    const pid there = b.system.spawn_with({.name = "calculator"}, our_calculator);
    b.system.call(there, forget{});
    remote = a.system.call({"calculator", b.name()}, who_are_you{}, 20s);
  }
  ~worlds_on_nodes() { bridge.reset(); }
  worlds_on_nodes(const worlds_on_nodes&) = delete;
  worlds_on_nodes& operator=(const worlds_on_nodes&) = delete;

  worlds::two_threads config;
  ::caf::actor_system guests{config};
  std::unique_ptr<troupe::caf::bridge> bridge;
  pid remote;
};

TEST_CASE("CAF sends to and asks a process of another node through its handle") {
  worlds_on_nodes w;
  const auto h = w.bridge->handle(w.remote);
  const ::caf::scoped_actor me(w.guests);
  const auto fail = [](const ::caf::error& e) { FAIL(to_string(e)); };
  me->request(h, 20s, ::caf::add_atom::value, 20, 22).receive([](int n) { CHECK(n == 42); }, fail);
  me->request(h, 20s, ::caf::get_atom::value, std::string("there"))
      .receive([](double x, double y) { CHECK(position{x, y} == position{1.5, 2.5}); }, fail);
  me->send(h, ::caf::contact_atom::value, ::caf::actor(me));
  me->receive([](const note& n) { CHECK(n.text == "hello from troupe"); });
}

TEST_CASE("a process of another node calls an adopted actor by name") {
  worlds_on_nodes w;
  w.bridge->adopt(w.guests.spawn(calculator), "guest");
  CHECK(w.b.system.call({"guest", w.a.name()}, add{20, 22}, 20s) == 42);
  w.b.system.run([&](context self) -> task<> {
    const auto ref = self.monitor({"guest", w.a.name()});
    self.send({"guest", w.a.name()}, stop{"error"});
    const auto d = co_await self.receive<troupe::down>();
    CHECK(d.ref == ref);
    CHECK(d.reason.type() == "caf::system:20");
  });
}

TEST_CASE("CAF's monitor of a remote process yields one down when it ends") {
  worlds_on_nodes w;
  const auto h = w.bridge->handle(w.remote);
  const ::caf::scoped_actor me(w.guests);
  me->monitor(h);
  me->send(h, ::caf::close_atom::value, std::string("shutdown"));
  me->receive(
      [](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::user_shutdown); });
}

TEST_CASE("CAF's monitor and request fail when the node of the process is lost") {
  worlds_on_nodes w;
  const auto h = w.bridge->handle(w.remote);
  const ::caf::scoped_actor me(w.guests);
  const auto fail = [](const ::caf::error& e) { FAIL(to_string(e)); };
  me->request(h, 20s, ::caf::add_atom::value, 1, 2).receive([](int) {}, fail);
  me->monitor(h);
  auto pending = me->request(h, 20s, ::caf::idle_atom::value);
  w.b.node.reset();
  ::caf::error why;
  pending.receive([](int) { FAIL("an answer"); }, [&](const ::caf::error& e) { why = e; });
  CHECK(why == ::caf::exit_reason::remote_link_unreachable);
  me->receive([](const ::caf::down_msg& d) {
    CHECK(d.reason == ::caf::exit_reason::remote_link_unreachable);
  });
}

}  // namespace
