// After OTP's gen_statem_SUITE, and after what gen_statem itself answers (OTP 25) to the questions
// of order.
#include <troupe/state_machine.hpp>
#include <troupe/sys.hpp>

#include "core/support.hpp"

#include <functional>
#include <map>

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::messages;
using troupe::pid;
using troupe::ref;
using troupe::request;
using troupe::task;

namespace {

using lines = std::vector<std::string>;

// --- a machine that does what it is told --------------------------------------------------------

class puppet;
using deed = std::function<void(puppet&)>;

// An event with a name, and what the machine is to do when it handles it.
struct say {
  std::string name;
  deed then = {};
};
struct diary {
  using reply = lines;
};

// States are letters. It writes down each enter call and event, as `a<b` and `name@a`.
class puppet : public troupe::state_machine<char> {
 public:
  using handles = messages<say, diary>;
  explicit puppet(std::map<char, deed> on_enter = {}, deed init = {})
      : state_machine('a'), on_enter_(std::move(on_enter)) {
    if (init) init(*this);
  }
  void enter(char from) {
    seen_.push_back({state(), '<', from});
    if (const auto at = on_enter_.find(state()); at != on_enter_.end()) at->second(*this);
  }
  void handle(const say& s) {
    seen_.push_back(s.name + '@' + state());
    if (s.then) s.then(*this);
  }
  lines handle(diary) { return seen_; }
  [[nodiscard]] const lines& seen() const { return seen_; }

  using state_machine::cancel_state_timeout;
  using state_machine::cancel_timeout;
  using state_machine::next_event;
  using state_machine::next_state;
  using state_machine::postpone;
  using state_machine::repeat_state;
  using state_machine::self;
  using state_machine::set_event_timeout;
  using state_machine::set_state_timeout;
  using state_machine::set_timeout;
  using state_machine::unexpected;

 private:
  std::map<char, deed> on_enter_;
  lines seen_;
};

deed go(char to) {
  return [to](puppet& p) { p.next_state(to); };
}
deed both(deed one, deed two) {
  return [one = std::move(one), two = std::move(two)](puppet& p) {
    one(p);
    two(p);
  };
}
const deed later = [](puppet& p) { p.postpone(); };
deed later_in(char state) {
  return [state](puppet& p) {
    if (p.state() == state) p.postpone();
  };
}
deed state_timeout(std::chrono::nanoseconds after, say event) {
  return [after, event](puppet& p) { p.set_state_timeout(after, event); };
}
deed event_timeout(std::chrono::nanoseconds after, say event) {
  return [after, event](puppet& p) { p.set_event_timeout(after, event); };
}
deed timeout(std::string name, std::chrono::nanoseconds after, say event) {
  return [name, after, event](puppet& p) { p.set_timeout(name, after, event); };
}
deed tell(say event) {
  return [event](puppet& p) { p.next_event(event); };
}

// What a puppet saw of the script, all of which is in its mailbox before it takes the first event.
// If time must pass, then until it has seen so many lines, and a while longer.
lines seen_by(std::vector<say> script, std::size_t awaited = 0, std::map<char, deed> on_enter = {},
              deed init = {}) {
  checked_system sys;
  return sys->run([&](context self) -> task<lines> {
    const auto p = self.spawn<puppet>(on_enter, init);
    co_await self.call(p, troupe::sys::suspend{});
    for (say& s : script) self.send(p, std::move(s));
    co_await self.call(p, troupe::sys::resume{});
    const auto seen = [](const puppet& own) { return own.seen(); };  // asked without an event
    if (awaited > 0) {
      while ((co_await troupe::sys::get_state(self, p, seen)).size() < awaited)
        co_await self.sleep(1ms);
      co_await self.sleep(20ms);
    }
    co_return co_await self.call(p, diary{});
  });
}
// How a puppet ends that does this in a handler.
exit_reason end_by(deed what, std::map<char, deed> on_enter = {}) {
  checked_system sys;
  return sys->run([&](context self) -> task<exit_reason> {
    const auto p = self.spawn_with<puppet>({.monitor = true}, on_enter, deed{});
    self.send(p.id, say{"it", what});
    co_return (co_await self.receive<down>()).reason;
  });
}

// --- machines as one writes them ----------------------------------------------------------------

enum class colour { red, green };
struct button {};
struct get_colour {
  using reply = colour;
};

class light : public troupe::state_machine<colour> {
 public:
  using handles = messages<button, get_colour>;
  light() : state_machine(colour::red) {}
  void handle(button) { next_state(state() == colour::red ? colour::green : colour::red); }
  colour handle(get_colour) { return state(); }
};

struct closed {
  int tries = 0;
};
struct open {
  int people = 0;
};
struct code {
  int digits;
};
struct push {
  using reply = int;
};
struct lock {};
struct count_tries {
  using reply = int;
};
struct all_seen {
  using reply = lines;
};

class door : public troupe::state_machine<std::variant<closed, open>> {
 public:
  using handles = messages<code, push, lock, count_tries, all_seen>;
  explicit door(int key) : state_machine(closed{}), key_(key) {}
  void handle(closed& s, const code& c) {
    ++s.tries;
    if (c.digits == key_) next_state(open{});
  }
  void handle(const code&) { unexpected(); }
  void handle(closed&, request<push>&) { postpone(); }
  int handle(open& s, push) { return ++s.people; }
  void handle(lock) { next_state(closed{}); }
  int handle(closed& s, count_tries) { return s.tries; }
  int handle(open&, count_tries) { return -1; }
  lines handle(all_seen) { return seen_; }
  void enter(open& s) { seen_.push_back("open " + std::to_string(s.people)); }
  void enter(closed&, const state_type& from) {
    seen_.push_back("closed from " + std::to_string(from.index()));
  }

 private:
  int key_;
  lines seen_;
};

}  // namespace

// --- states -------------------------------------------------------------------------------------

TEST_CASE("a state machine is spawned and asked like a server, and its state is a value") {
  checked_system sys;
  const ref<light> l = sys->spawn<light>();
  CHECK(sys->call(l, get_colour{}) == colour::red);
  sys->send(l, button{});
  CHECK(sys->call(l, get_colour{}) == colour::green);
  sys->send(l, button{});
  CHECK(sys->call(l, get_colour{}) == colour::red);
}

TEST_CASE("states that are types have data of their own and handlers of their own") {
  checked_system sys;
  const ref<door> d = sys->spawn<door>(42);
  sys->send(d, code{1});
  sys->send(d, code{2});
  CHECK(sys->call(d, count_tries{}) == 2);
  sys->send(d, code{42});
  CHECK(sys->call(d, push{}) == 1);
  CHECK(sys->call(d, push{}) == 2);
  CHECK(sys->call(d, count_tries{}) == -1);
  sys->send(d, lock{});
  CHECK(sys->call(d, count_tries{}) == 0);
  CHECK(sys->call(d, all_seen{}) == lines{"closed from 0", "open 0", "closed from 1"});
}

TEST_CASE("a variant that gets a state of its own type keeps the state and takes the data") {
  checked_system sys;
  const ref<door> d = sys->spawn<door>(42);
  sys->send(d, code{1});
  sys->send(d, lock{});  // closed already
  CHECK(sys->call(d, count_tries{}) == 0);
  CHECK(sys->call(d, all_seen{}) == lines{"closed from 0"});
}

TEST_CASE("an event that must not come in a state ends the machine with both their names") {
  checked_system sys;
  const exit_reason why = sys->run([](context self) -> task<exit_reason> {
    const auto d = self.spawn_with<door>({.monitor = true}, 42);
    self.send(d.id, code{42});
    self.send(d.id, code{42});
    co_return (co_await self.receive<down>()).reason;
  });
  CHECK_THAT(to_string(why),
             ContainsSubstring("door: ") && ContainsSubstring("code is not expected"));
}

TEST_CASE("a state changes when the handler has ended and not before") {
  CHECK(seen_by({{"x", [](puppet& p) {
                    p.next_state('b');
                    if (p.state() == 'a') p.next_event(say{"still a"});
                  }}}) == lines{"a<a", "x@a", "b<a", "still a@b"});
}

TEST_CASE("of two next states in one handler the last counts") {
  CHECK(seen_by({{"x", both(go('b'), go('c'))}, {"y"}}) == lines{"a<a", "x@a", "c<a", "y@c"});
  CHECK(seen_by({{"x", both(go('b'), go('a'))}, {"y"}}) == lines{"a<a", "x@a", "y@a"});
}

// --- enter calls --------------------------------------------------------------------------------

TEST_CASE("enter is called for the first state before any event and after each change of state") {
  CHECK(seen_by({{"x", go('b')}, {"y"}, {"z", go('a')}}) ==
        lines{"a<a", "x@a", "b<a", "y@b", "z@b", "a<b"});
}

TEST_CASE("the same state again is no change and is not entered") {
  CHECK(seen_by({{"x", go('a')}, {"y"}}) == lines{"a<a", "x@a", "y@a"});
}

TEST_CASE("repeat_state enters again but retries no postponed event and keeps the state timeout") {
  CHECK(seen_by({{"p", both(state_timeout(5ms, {"timeout"}), later_in('a'))},
                 {"again", [](puppet& p) { p.repeat_state(); }}},
                5) == lines{"a<a", "p@a", "again@a", "a<a", "timeout@a"});
}

TEST_CASE("an enter call may set timeouts and of two the enter call's replaces the handler's") {
  CHECK(seen_by({{"x", both(state_timeout(1ms, {"from handler"}), go('b'))}}, 4,
                {{'b', state_timeout(2ms, {"from enter"})}}) ==
        lines{"a<a", "x@a", "b<a", "from enter@b"});
}

TEST_CASE("an enter call that changes the state or gives an event ends the machine with a text") {
  const deed forbidden[] = {
      go('c'),
      later,
      tell({"event"}),
      [](puppet& p) { p.repeat_state(); },
  };
  for (const deed& what : forbidden)
    CHECK_THAT(to_string(end_by(go('b'), {{'b', what}})),
               ContainsSubstring("in an enter call, which may only set timeouts"));
}

TEST_CASE("an exception in an enter call ends the machine") {
  CHECK(end_by(go('b'), {{'b', [](puppet&) { throw std::runtime_error("stuck"); }}}) ==
        exit_reason::error("std::runtime_error", "stuck"));
}

// --- postponed events ---------------------------------------------------------------------------

TEST_CASE("postponed events come again after a change of state in order and before newer ones") {
  CHECK(seen_by({{"1", later_in('a')}, {"2", later_in('a')}, {"go", go('b')}, {"new"}}) ==
        lines{"a<a", "1@a", "2@a", "go@a", "b<a", "1@b", "2@b", "new@b"});
}

TEST_CASE("an event may be postponed again and again until its state comes") {
  CHECK(seen_by({{"p",
                  [](puppet& p) {
                    if (p.state() != 'c') p.postpone();
                  }},
                 {"x", go('b')},
                 {"y", go('c')},
                 {"z"}}) == lines{"a<a", "p@a", "x@a", "b<a", "p@b", "y@b", "c<b", "p@c", "z@c"});
}

TEST_CASE("the event that changes the state may itself be postponed and comes behind the others") {
  CHECK(seen_by({{"1", later_in('a')},
                 {"go",
                  [](puppet& p) {
                    if (p.state() != 'a') return;
                    p.postpone();
                    p.next_state('b');
                  }},
                 {"new"}}) == lines{"a<a", "1@a", "go@a", "b<a", "1@b", "go@b", "new@b"});
}

TEST_CASE("a postponed request is answered from a later state") {
  checked_system sys;
  const ref<door> d = sys->spawn<door>(42);
  sys->run([&](context self) -> task<> {
    auto first = self.send_request(d, push{});
    auto second = self.send_request(d, push{});
    self.send(d, code{42});
    auto b = co_await second;
    auto a = co_await first;
    REQUIRE(a);
    REQUIRE(b);
    CHECK(*a == 1);
    CHECK(*b == 2);
  });
}

TEST_CASE(
    "a postponed request whose caller has given up is skipped and the events behind it come") {
  checked_system sys;
  const ref<door> d = sys->spawn<door>(42);
  sys->run([&](context self) -> task<> {
    auto given_up = self.send_request(d, push{}, 1ms);
    auto waiting = self.send_request(d, push{}, troupe::infinity);
    auto answer = co_await given_up;
    CHECK(!answer);
    self.send(d, code{42});
    auto pushed = co_await waiting;
    REQUIRE(pushed);
    CHECK(*pushed == 1);
  });
}

TEST_CASE("callers whose requests are postponed learn how the machine ends") {
  checked_system sys;
  const ref<door> d = sys->spawn<door>(42);
  sys->run([&](context self) -> task<> {
    auto asked = self.send_request(d, push{}, troupe::infinity);
    (void)co_await self.call(d, count_tries{});
    self.exit(d, exit_reason::of(7));
    auto answer = co_await asked;
    REQUIRE(!answer);
    CHECK(answer.reason() == exit_reason::of(7));
  });
}

namespace {

struct parcel {
  std::unique_ptr<int> content;
};
struct unpack {
  using reply = int;
};

// Takes what only moves by value, and gives it back.
class customs : public troupe::state_machine<colour> {
 public:
  using handles = messages<parcel, unpack, button>;
  explicit customs(bool properly) : state_machine(colour::red), properly_(properly) {}
  void handle(parcel p) {
    if (state() == colour::green)
      sum_ += *p.content;
    else if (properly_)
      postpone(std::move(p));
    else
      postpone();
  }
  void handle(request<unpack> r) {
    if (state() == colour::green) return r.reply(sum_);
    postpone(std::move(r));
  }
  void handle(button) { next_state(colour::green); }

 private:
  bool properly_;
  int sum_ = 0;
};

}  // namespace

TEST_CASE("an event that was moved into its handler is postponed by giving it back") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto c = self.spawn<customs>(true);
    self.send(c, parcel{std::make_unique<int>(2)});
    self.send(c, parcel{std::make_unique<int>(3)});
    auto asked = self.send_request(c, unpack{});
    self.send(c, button{});
    auto sum = co_await asked;
    REQUIRE(sum);
    CHECK(*sum == 5);
  });
}

TEST_CASE("to postpone an event that is gone ends the machine with a text that says what to do") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto c = self.spawn_with<customs>({.monitor = true}, false);
    self.send(c.id, parcel{std::make_unique<int>(2)});
    CHECK_THAT(to_string((co_await self.receive<down>()).reason),
               ContainsSubstring("was moved into its handler") &&
                   ContainsSubstring("postpone(std::move(event))"));
  });
}

// --- internal events ----------------------------------------------------------------------------

TEST_CASE("next events come in their order before all that waits") {
  CHECK(seen_by({{"x", both(tell({"1"}), tell({"2"}))}, {"mail"}}) ==
        lines{"a<a", "x@a", "1@a", "2@a", "mail@a"});
}

TEST_CASE("a next event's own next events come before its successors") {
  CHECK(seen_by({{"x", both(tell({"1", both(tell({"1.1"}), tell({"1.2"}))}), tell({"2"}))},
                 {"mail"}}) == lines{"a<a", "x@a", "1@a", "1.1@a", "1.2@a", "2@a", "mail@a"});
}

TEST_CASE("after a change of state next events come before postponed ones") {
  CHECK(seen_by({{"p", later_in('a')}, {"x", both(tell({"1"}), go('b'))}, {"mail"}}) ==
        lines{"a<a", "p@a", "x@a", "b<a", "1@b", "p@b", "mail@b"});
}

TEST_CASE("postponed events come before the next events that were given before the change") {
  CHECK(seen_by({{"p", later_in('a')}, {"x", both(tell({"1", go('b')}), tell({"2"}))}, {"mail"}}) ==
        lines{"a<a", "p@a", "x@a", "1@a", "b<a", "p@b", "2@b", "mail@b"});
}

TEST_CASE(
    "the constructor may give events and set timeouts which come after the first enter call") {
  CHECK(seen_by({{"mail"}}, 0, {}, both(state_timeout(0ns, {"zero"}), tell({"first"}))) ==
        lines{"a<a", "first@a", "zero@a", "mail@a"});
}

TEST_CASE("a machine that gives itself an event for ever lets others run and can be stopped") {
  checked_system sys({.workers = 1});
  sys->run([](context self) -> task<> {
    struct on_and_on {
      void operator()(puppet& p) const { p.next_event(say{"on", on_and_on{}}); }
    };
    const auto p = self.spawn_with<puppet>({.monitor = true});
    self.send(p.id, say{"on", on_and_on{}});
    for (int i = 0; i < 20; ++i) co_await self.yield();
    self.exit(p.id, exit_reason::shutdown);
    CHECK((co_await self.receive<down>()).reason == exit_reason::shutdown);
  });
}

namespace {
struct unlisted {};
}  // namespace

TEST_CASE("an event for itself that the class does not list ends the machine where it is given") {
  for (const deed& what : {deed([](puppet& p) { p.next_event(unlisted{}); }),
                           deed([](puppet& p) { p.set_state_timeout(1h, unlisted{}); })})
    CHECK_THAT(to_string(end_by(what)), ContainsSubstring("puppet gives itself a ") &&
                                            ContainsSubstring("unlisted: add it to its `handles`"));
}

// --- timeouts -----------------------------------------------------------------------------------

TEST_CASE("a state timeout comes when the state has lasted and not before") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct when {
      troupe::steady_time at;
    };
    const pid me = self;
    const auto p = self.spawn<puppet>();
    const auto start = self.now();
    self.send(p, say{"x", state_timeout(20ms, {"timeout", [me](puppet& own) {
                                                 own.self.send(me, when{own.self.now()});
                                               }})});
    CHECK((co_await self.receive<when>()).at - start >= 20ms);
  });
}

TEST_CASE("a change of state cancels the state timeout") {
  CHECK(seen_by({{"x", state_timeout(5ms, {"timeout"})}, {"y", go('b')}}, 4) ==
        lines{"a<a", "x@a", "y@a", "b<a"});
}

TEST_CASE("a state timeout that is set with the change of state belongs to the new state") {
  CHECK(seen_by({{"x", both(state_timeout(5ms, {"timeout"}), go('b'))}}, 4) ==
        lines{"a<a", "x@a", "b<a", "timeout@b"});
}

TEST_CASE("events that change nothing leave the state timeout alone") {
  CHECK(seen_by({{"x", state_timeout(5ms, {"timeout"})}, {"y"}, {"z", go('a')}}, 5) ==
        lines{"a<a", "x@a", "y@a", "z@a", "timeout@a"});
}

TEST_CASE("a state timeout that is set again replaces the first and can be cancelled") {
  CHECK(seen_by({{"x", state_timeout(5ms, {"old"})}, {"y", state_timeout(6ms, {"new"})}}, 4) ==
        lines{"a<a", "x@a", "y@a", "new@a"});
  CHECK(seen_by({{"x", state_timeout(5ms, {"old"})},
                 {"y", [](puppet& p) { p.cancel_state_timeout(); }}},
                3) == lines{"a<a", "x@a", "y@a"});
  CHECK(seen_by(
            {{"x", state_timeout(5ms, {"old"})}, {"y", state_timeout(troupe::infinity, {"never"})}},
            3) == lines{"a<a", "x@a", "y@a"});
}

TEST_CASE("any event cancels an event timeout") {
  CHECK(seen_by({{"x", event_timeout(5ms, {"timeout"})}, {"y"}}, 3) == lines{"a<a", "x@a", "y@a"});
  CHECK(seen_by({{"x", both(event_timeout(5ms, {"timeout"}), tell({"own"}))}}, 3) ==
        lines{"a<a", "x@a", "own@a"});
}

TEST_CASE("an event timeout comes when no event does also if the state has changed with it") {
  CHECK(seen_by({{"x", event_timeout(5ms, {"timeout"})}}, 3) == lines{"a<a", "x@a", "timeout@a"});
  CHECK(seen_by({{"x", both(event_timeout(5ms, {"timeout"}), go('b'))}}, 4) ==
        lines{"a<a", "x@a", "b<a", "timeout@b"});
}

TEST_CASE("named timeouts live on across states and are told apart by their names") {
  CHECK(seen_by({{"x", both(timeout("n", 5ms, {"n"}), timeout("m", 10ms, {"m"}))},
                 {"y", go('b')},
                 {"z", go('c')}},
                8) == lines{"a<a", "x@a", "y@a", "b<a", "z@b", "c<b", "n@c", "m@c"});
}

TEST_CASE("a named timeout that is set again replaces the first and can be cancelled") {
  CHECK(seen_by({{"x", timeout("n", 5ms, {"old"})}, {"y", timeout("n", 6ms, {"new"})}}, 4) ==
        lines{"a<a", "x@a", "y@a", "new@a"});
  CHECK(seen_by({{"x", both(timeout("n", 5ms, {"n"}), timeout("m", 5ms, {"m"}))},
                 {"y", [](puppet& p) { p.cancel_timeout("n"); }}},
                4) == lines{"a<a", "x@a", "y@a", "m@a"});
}

TEST_CASE("a timeout that fired while its cancelling event was waiting is never seen") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn<puppet>();
    self.send(p, say{"x", both(state_timeout(1ms, {"state"}), timeout("n", 1ms, {"named"}))});
    (void)co_await self.call(p, diary{});
    co_await self.call(p, troupe::sys::suspend{});
    self.send(p, say{"y", both(go('b'), [](puppet& own) { own.cancel_timeout("n"); })});
    while ((co_await self.call(p, troupe::sys::get_status{})).mailbox < 3)
      co_await self.sleep(1ms);  // both have fired, and wait behind the event
    co_await self.call(p, troupe::sys::resume{});
    const lines seen = co_await self.call(p, diary{});
    CHECK(seen == lines{"a<a", "x@a", "y@a", "b<a"});
  });
}

// --- timeouts of zero ---------------------------------------------------------------------------

TEST_CASE("timeouts of zero come in the order set and before the mailbox") {
  CHECK(seen_by({{"x", both(timeout("n", 0ns, {"named"}), state_timeout(0ns, {"state"}))},
                 {"mail"}}) == lines{"a<a", "x@a", "named@a", "state@a", "mail@a"});
}

TEST_CASE("timeouts of zero come after the next events and the postponed ones") {
  CHECK(seen_by({{"p", later_in('a')},
                 {"x", both(both(state_timeout(0ns, {"zero"}), tell({"1"})), go('b'))},
                 {"mail"}}) == lines{"a<a", "p@a", "x@a", "b<a", "1@b", "p@b", "zero@b", "mail@b"});
}

TEST_CASE("an event timeout of zero comes only if no event of any kind comes before it") {
  const say zero{"zero"};
  CHECK(seen_by({{"x", event_timeout(0ns, zero)}, {"mail"}}) ==
        lines{"a<a", "x@a", "zero@a", "mail@a"});
  CHECK(seen_by({{"x", both(event_timeout(0ns, zero), tell({"1"}))}, {"mail"}}) ==
        lines{"a<a", "x@a", "1@a", "mail@a"});
  CHECK(seen_by({{"x", both(state_timeout(0ns, {"state"}), event_timeout(0ns, zero))}, {"mail"}}) ==
        lines{"a<a", "x@a", "state@a", "mail@a"});
  CHECK(seen_by({{"x", both(event_timeout(0ns, zero), state_timeout(0ns, {"state"}))}, {"mail"}}) ==
        lines{"a<a", "x@a", "zero@a", "state@a", "mail@a"});
}

TEST_CASE("a state timeout of zero is cancelled by a next event that changes the state") {
  CHECK(seen_by({{"x", both(state_timeout(0ns, {"zero"}), tell({"1", go('b')}))}, {"mail"}}) ==
        lines{"a<a", "x@a", "1@a", "b<a", "mail@b"});
}

TEST_CASE("a timeout of zero that is set again comes once and at its new place") {
  CHECK(seen_by({{"x", both(both(timeout("n", 0ns, {"old"}), timeout("m", 0ns, {"m"})),
                            timeout("n", 0ns, {"new"}))}}) == lines{"a<a", "x@a", "m@a", "new@a"});
}

TEST_CASE("the event of a timeout can be postponed like any other") {
  CHECK(seen_by({{"x", state_timeout(0ns, {"zero", later_in('a')})}, {"go", go('b')}}) ==
        lines{"a<a", "x@a", "zero@a", "go@a", "b<a", "zero@b"});
}

// --- handlers that wait -------------------------------------------------------------------------

namespace {

struct fetch {
  using reply = int;
  int value;
};
struct finish {};

class clerk : public troupe::state_machine<std::variant<closed, open>> {
 public:
  using handles = messages<fetch, finish, push, lock, all_seen>;
  clerk() : state_machine(closed{}) {}
  task<int> handle(closed& s, const fetch& f) {
    seen_.emplace_back("fetch");
    next_state(open{});
    co_await self.sleep(1ms);
    ++s.tries;  // the state is still this one
    seen_.push_back("fetched " + std::to_string(f.value) + " in " +
                    std::to_string(state().index()));
    co_return f.value;
  }
  task<int> handle(open&, const fetch& f) {
    co_await self.yield();
    if (f.value < 0) throw std::runtime_error("negative");
    postpone();
    co_return 0;
  }
  task<> handle(finish) {
    co_await self.yield();
    next_state(closed{});
  }
  task<> handle(request<push> r) {
    co_await self.yield();
    r.reply(static_cast<int>(state().index()));
  }
  void handle(closed&, lock) { seen_.emplace_back("lock in closed"); }
  void handle(open&, lock) { seen_.emplace_back("lock in open"); }
  lines handle(all_seen) { return seen_; }

 private:
  lines seen_;
};

}  // namespace

TEST_CASE("a handler may wait and the state changes when it has ended while events wait") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto c = self.spawn<clerk>();
    auto fetched = self.send_request(c, fetch{7});
    self.send(c, lock{});
    auto answer = co_await fetched;
    REQUIRE(answer);
    CHECK(*answer == 7);
    CHECK(co_await self.call(c, push{}) == 1);
    const lines seen = co_await self.call(c, all_seen{});
    CHECK(seen == lines{"fetch", "fetched 7 in 0", "lock in open"});
  });
}

TEST_CASE("a handler that has waited may postpone its event whose reply is then not sent") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto c = self.spawn<clerk>();
    (void)co_await self.call(c, fetch{1});
    auto postponed = self.send_request(c, fetch{2});
    self.send(c, finish{});
    auto answer = co_await postponed;
    REQUIRE(answer);
    CHECK(*answer == 2);
  });
}

TEST_CASE("an exception in a handler that has waited ends the machine and its caller learns it") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto c = self.spawn_with<clerk>({.monitor = true});
    (void)co_await self.call(c.id, fetch{1});
    auto answer = co_await self.try_call(c.id, fetch{-1}, troupe::infinity);
    const exit_reason why = exit_reason::error("std::runtime_error", "negative");
    REQUIRE(!answer);
    CHECK(answer.reason() == why);
    CHECK((co_await self.receive<down>()).reason == why);
  });
}

// --- as a process -------------------------------------------------------------------------------

TEST_CASE("a request that is sent and not called is an event without an answer") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto d = self.spawn<door>(42);
    self.send(d, push{});  // postponed
    self.send(d, code{42});
    CHECK(co_await self.call(d, push{}) == 2);
  });
}

TEST_CASE("a machine ends itself with a reason of its own") {
  CHECK(end_by([](puppet& p) { p.self.exit(exit_reason::of(3)); }) == exit_reason::of(3));
}

TEST_CASE("an exception in a handler ends the machine") {
  CHECK(end_by([](puppet&) { throw std::runtime_error("oops"); }) ==
        exit_reason::error("std::runtime_error", "oops"));
}

TEST_CASE("a supervised machine that crashes starts anew in its first state") {
  checked_system sys;
  sys->supervise(troupe::one_for_one{}, {troupe::child<door>("door", 42).registered()});
  sys->run([](context self) -> task<> {
    const pid first = self.whereis("door");
    const auto watch = self.monitor(first);
    self.send(first, code{42});
    CHECK((co_await self.call("door", count_tries{})) == -1);
    self.send(first, code{42});  // not expected when it is open
    (void)co_await self.receive<down>([&](const down& d) { return d.ref == watch; });
    while (!self.whereis("door") || self.whereis("door") == first) co_await self.sleep(1ms);
    CHECK((co_await self.call("door", count_tries{})) == 0);
  });
}

TEST_CASE("the functions of handlers say so when they are used elsewhere") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto p = self.spawn<puppet>();
    for (const deed& what : {go('b'), later, tell({"event"}), state_timeout(1ms, {"timeout"})}) {
      std::string text;
      try {
        co_await troupe::sys::replace_state(self, p, [what](puppet& own) { what(own); });
      } catch (const troupe::call_error& e) {
        text = e.what();
      }
      CHECK_THAT(text, ContainsSubstring("in what is no handler"));
    }
    const lines seen = co_await self.call(p, diary{});
    CHECK(seen == lines{"a<a"});
  });
}

TEST_CASE("a machine that was idle for long enough hears so like any server") {
  class sleepy : public troupe::state_machine<colour> {
   public:
    using handles = messages<troupe::idle_timeout, button>;
    explicit sleepy(pid to) : state_machine(colour::red), to_(to) { idle_after(5ms); }
    void handle(button) { next_state(colour::green); }
    void handle(troupe::idle_timeout) { self.send(to_, state()); }

   private:
    pid to_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<sleepy>(self.id());
    self.send(s, button{});
    CHECK(co_await self.receive<colour>() == colour::green);
  });
}
