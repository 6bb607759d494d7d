// CAF actors as children of our supervisors.
#include "support.hpp"

namespace {

using namespace troupe_test;

// The pid that has the name now, once it is another one than before.
pid successor_of(worlds& w, pid before, const char* name = "calculator") {
  pid now;
  CHECK(comes_true([&] {
    now = w.home->whereis(name);
    return now && now != before;
  }));
  return now;
}

TEST_CASE("a CAF actor is a child of a supervisor and started again when it fails") {
  worlds w;
  w.home->supervise(troupe::one_for_one{.intensity = 10},
                    {w.bridge->child("calculator", calculator).registered()});
  pid c = w.home->whereis("calculator");
  CHECK(w.home->call(c, add{20, 22}) == 42);
  for (const std::string how : {"error", "an exception", "kill", "normal"}) {
    w.home->send(c, stop{how});
    c = successor_of(w, c);
    CHECK(w.home->call(c, add{20, 22}) == 42);
  }
  w.home->exit(c, exit_reason::kill);
  CHECK(w.home->call(successor_of(w, c), add{20, 22}) == 42);
}

TEST_CASE("an actor that CAF ends is started again by its supervisor") {
  worlds w;
  w.home->supervise(troupe::one_for_one{},
                    {w.bridge->child("calculator", calculator).registered()});
  const pid c = w.home->whereis("calculator");
  ::caf::anon_send_exit(w.bridge->handle(c), ::caf::exit_reason::kill);
  CHECK(w.home->call(successor_of(w, c), add{20, 22}) == 42);
}

struct counter_state {
  int value = 0;
};
class counter : public ::caf::event_based_actor {
 public:
  counter(::caf::actor_config& config, int start) : event_based_actor(config), value_(start) {
    if (start < 0) throw std::invalid_argument("a counter starts at 0 or more");
  }
  ::caf::behavior make_behavior() override {
    return {[this](::caf::add_atom, int a, int b) { return value_ += a + b; }};
  }

 private:
  int value_;
};

TEST_CASE("an actor class is a child with its arguments") {
  worlds w;
  w.home->supervise(troupe::one_for_one{},
                    {w.bridge->child<counter>("calculator", 40).registered()});
  const pid c = w.home->whereis("calculator");
  CHECK(w.home->call(c, add{1, 1}) == 42);
  w.home->exit(c, exit_reason::kill);
  CHECK(w.home->call(successor_of(w, c), add{1, 0}) == 41);
}

TEST_CASE("a child whose actor cannot be made fails the start of its supervisor") {
  worlds w;
  CHECK_THROWS_WITH(
      w.home->supervise(troupe::one_for_one{}, {w.bridge->child<counter>("calculator", -1)}),
      matchers::ContainsSubstring("a counter starts at 0 or more"));
  CHECK(w.bridge->counts() == troupe::caf::bridge_counts{});
}

TEST_CASE("a supervisor that stops tells its actors to exit with user_shutdown") {
  worlds w;
  const ::caf::scoped_actor me(w.guests);
  const pid tree = w.home->supervise(troupe::one_for_one{},
                                     {w.bridge->child("calculator", calculator).registered()});
  me->monitor(w.bridge->handle(w.home->whereis("calculator")));
  w.home->exit(tree, exit_reason::shutdown);
  me->receive(
      [](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::user_shutdown); });
  CHECK(comes_true([&] { return w.bridge->counts().adopted == 0; }));
}

TEST_CASE("an actor that does not exit within the time of its child is killed") {
  worlds w;
  const auto stubborn = [](::caf::event_based_actor* self) -> ::caf::behavior {
    self->set_exit_handler([](::caf::exit_msg&) {});
    return {[](::caf::add_atom, int a, int b) { return a + b; }};
  };
  const ::caf::scoped_actor me(w.guests);
  const pid tree = w.home->supervise(
      troupe::one_for_one{}, {w.bridge->child("calculator", stubborn).registered().shutdown(1ms)});
  me->monitor(w.bridge->handle(w.home->whereis("calculator")));
  w.home->exit(tree, exit_reason::shutdown);
  me->receive([](const ::caf::down_msg& d) { CHECK(d.reason == ::caf::exit_reason::kill); });
}

}  // namespace
