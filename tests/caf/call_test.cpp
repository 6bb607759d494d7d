// Requests in both directions: answers, errors, time limits, and what does not correspond.
#include "support.hpp"

namespace {

using namespace troupe_test;

exit_reason failure_of(worlds& w, pid to, auto what, std::chrono::nanoseconds limit = 10s) {
  return w.home->run([&](context self) -> task<exit_reason> {
    auto result = co_await self.try_call(to, what, limit);
    co_return result ? exit_reason::normal : result.reason();
  });
}

// What CAF's `request` to that actor ends in: the answer or the error.
template <class... Elements>
::caf::error failure_in_caf(worlds& w, const ::caf::actor& to, Elements... elements) {
  const ::caf::scoped_actor me(w.guests);
  ::caf::error failure;
  me->request(to, 10s, std::move(elements)...)
      .receive([](int) {}, [&](const ::caf::error& e) { failure = e; });
  return failure;
}

TEST_CASE("a call that an actor answers with an error fails with it") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  const auto why = failure_of(w, c, divide{1, 0});
  CHECK(why.type() == "caf::system:20");
  CHECK(w.home->call(c, divide{42, 1}) == 42);
}

TEST_CASE("a call to an actor has the time limit of its caller") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  for (int i = 0; i < 10; ++i)
    CHECK(failure_of(w, c, never_answered{}, 1ms).type() == "troupe::timeout");
  CHECK(w.home->call(c, add{1, 2}) == 3);
}

TEST_CASE("a call fails with the reason of an actor that ends before it answers") {
  worlds w;
  const auto actor = w.guests.spawn(calculator);
  const pid c = w.bridge->adopt(actor);
  const auto why = w.home->run([&](context self) -> task<exit_reason> {
    auto pending = self.send_request(c, never_answered{}, 20s);
    self.send(c, stop{"error"});
    const auto result = co_await pending;
    co_return result.reason();
  });
  CHECK(why.type() == "caf::system:20");
  CHECK(failure_of(w, c, add{1, 2}) == exit_reason::noproc);
}

TEST_CASE("a call to an actor of what it does not handle fails with its error") {
  worlds w;
  const auto deaf = [](::caf::event_based_actor* self) -> ::caf::behavior {
    self->set_default_handler([](::caf::scheduled_actor*, ::caf::message_view&) {
      return ::caf::result<::caf::message>(::caf::sec::unexpected_message);
    });
    return {[](int) {}};
  };
  CHECK(failure_of(w, w.bridge->adopt(w.guests.spawn(deaf)), add{1, 2}).type() == "caf::system:1");
}

TEST_CASE("a call of a type that no message of CAF corresponds to names both sides") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  const auto why = failure_of(w, c, stranger{1});
  CHECK(why.type() == "troupe::caf::unexpected_message");
  CHECK_THAT(std::string(why.text()),
             matchers::ContainsSubstring("troupe's troupe_test::stranger"));
  CHECK_THAT(std::string(why.text()),
             matchers::ContainsSubstring("troupe_test::add as ('add', int32, int32)"));
  CHECK(w.bridge->counts().untranslated == 1);
}

TEST_CASE("what is sent without a correspondence is counted and logged once") {
  worlds w;
  const pid c = w.bridge->adopt(w.guests.spawn(calculator));
  for (int i = 0; i < 3; ++i) w.home->send(c, stranger{1});
  CHECK(w.home->call(c, add{1, 2}) == 3);
  CHECK(w.bridge->counts().untranslated == 3);
  const auto log = w.home.log->text();
  const auto first = log.find("troupe's troupe_test::stranger");
  REQUIRE(first != std::string::npos);
  CHECK(log.find("troupe's troupe_test::stranger", first + 1) == std::string::npos);
}

TEST_CASE("a call that an actor answers with another type fails and names both") {
  worlds w;
  const auto liar = [](::caf::event_based_actor*) -> ::caf::behavior {
    return {[](::caf::add_atom, int, int) { return std::string("three"); }};
  };
  const auto why = failure_of(w, w.bridge->adopt(w.guests.spawn(liar)), add{1, 2});
  CHECK(why.type() == "troupe::caf::unexpected_message");
  CHECK_THAT(std::string(why.text()), matchers::ContainsSubstring("(@str)"));
  CHECK_THAT(std::string(why.text()), matchers::ContainsSubstring("(int32)"));
}

TEST_CASE("CAF's request to a handle is answered by the process") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const ::caf::scoped_actor me(w.guests);
  const auto fail = [](const ::caf::error& e) { FAIL(to_string(e)); };
  me->request(h, 10s, ::caf::add_atom::value, 20, 22).receive([](int n) { CHECK(n == 42); }, fail);
  me->request(h, 10s, ::caf::get_atom::value, std::string("here"))
      .receive([](double x, double y) { CHECK(position{x, y} == position{1.5, 2.5}); }, fail);
  me->request(h, 10s, ::caf::flush_atom::value).receive([] {}, fail);
  me->request(h, 10s, ::caf::contact_atom::value)
      .receive([&](const ::caf::actor& itself) { CHECK(itself == h); }, fail);
}

TEST_CASE("many requests of CAF to one handle are each answered with their own reply") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const ::caf::scoped_actor me(w.guests);
  std::vector<::caf::actor> askers;
  for (int i = 0; i < 8; ++i)
    askers.push_back(w.guests.spawn(
        [](::caf::event_based_actor* self, const ::caf::actor& to, const ::caf::actor& judge) {
          const auto right = std::make_shared<int>(0);
          for (int k = 0; k < 200; ++k)
            self->request(to, ::caf::infinite, ::caf::add_atom::value, k, 1).then([=](int n) {
              *right += n == k + 1 ? 1 : 0;
              if (k == 199) self->send(judge, *right);
            });
        },
        h, ::caf::actor(me)));
  for (int i = 0; i < 8; ++i) me->receive([](int right) { CHECK(right == 200); });
}

TEST_CASE("a request of CAF has the time limit of its caller") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const ::caf::scoped_actor me(w.guests);
  me->request(h, 1ms, ::caf::idle_atom::value)
      .receive([](int) { FAIL("an answer"); },
               [](const ::caf::error& e) { CHECK(e == ::caf::sec::request_timeout); });
}

TEST_CASE("a request of CAF fails once when the process ends before it answers") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const auto crash = failure_in_caf(w, h, ::caf::div_atom::value, 1, 0);
  CHECK(crash.category() == ::caf::atom("troupe"));
  CHECK_THAT(to_string(crash), matchers::ContainsSubstring("division by zero"));
  const auto gone = failure_in_caf(w, h, ::caf::add_atom::value, 1, 2);
  CHECK(gone == ::caf::sec::request_receiver_down);
}

TEST_CASE("a request of CAF to a process that was dead before fails") {
  worlds w;
  const pid p = w.home->spawn([](context) -> troupe::process { co_return; });
  CHECK(comes_true([&] { return !w.home->alive(p); }));
  CHECK(failure_in_caf(w, w.bridge->handle(p), ::caf::add_atom::value, 1, 2) ==
        ::caf::sec::request_receiver_down);
}

TEST_CASE("a request of CAF that no type of ours corresponds to names both sides") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const auto why = failure_in_caf(w, h, ::caf::add_atom::value, 1, 2.5);
  CHECK(why == ::caf::sec::unexpected_message);
  CHECK_THAT(to_string(why), matchers::ContainsSubstring("('add', @i32, double)"));
  CHECK_THAT(to_string(why),
             matchers::ContainsSubstring("troupe_test::add as ('add', int32, int32)"));
  CHECK(w.bridge->counts().untranslated == 1);
}

TEST_CASE("a request of CAF for a type without a reply is refused") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const auto why = failure_in_caf(w, h, note{"an answer, please"});
  CHECK(why == ::caf::sec::unexpected_message);
  CHECK_THAT(to_string(why), matchers::ContainsSubstring("using reply"));
}

TEST_CASE("the sender in CAF of what does not correspond gets the error as a message") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const ::caf::scoped_actor me(w.guests);
  me->send(h, 2.5);
  me->receive([](const ::caf::error& e) {
    CHECK(e == ::caf::sec::unexpected_message);
    CHECK_THAT(to_string(e), matchers::ContainsSubstring("(double)"));
  });
  for (int i = 0; i < 3; ++i) ::caf::anon_send(h, 2.5);
  CHECK(comes_true([&] { return w.bridge->counts().untranslated == 4; }));
  CHECK(comes_true([&] { return !w.home.log->text().empty(); }));
}

TEST_CASE("a request that a CAF actor delegates to a handle is answered to its sender") {
  worlds w;
  const auto h = w.bridge->handle(w.home->spawn(our_calculator));
  const auto front = w.guests.spawn(
      [](::caf::event_based_actor* self, const ::caf::actor& to) -> ::caf::behavior {
        return {[=](::caf::add_atom sum, int a, int b) { return self->delegate(to, sum, a, b); }};
      },
      h);
  const ::caf::scoped_actor me(w.guests);
  me->request(front, 10s, ::caf::add_atom::value, 20, 22)
      .receive([](int n) { CHECK(n == 42); }, [](const ::caf::error& e) { FAIL(to_string(e)); });
  CHECK(w.home->call(w.bridge->adopt(front), add{20, 22}) == 42);
}

TEST_CASE("a handle can be a stage of CAF's composed actors") {
  worlds w;
  const auto twice = w.guests.spawn(
      [](::caf::event_based_actor*) -> ::caf::behavior { return {[](int n) { return 2 * n; }}; });
  const auto sum_then_twice = twice * w.bridge->handle(w.home->spawn(our_calculator));
  const ::caf::scoped_actor me(w.guests);
  me->request(sum_then_twice, 10s, ::caf::add_atom::value, 20, 1)
      .receive([](int n) { CHECK(n == 42); }, [](const ::caf::error& e) { FAIL(to_string(e)); });
}

}  // namespace
