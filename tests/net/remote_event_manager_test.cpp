// Event managers whose callers are on another node. (OTP: gen_event.)
#include <troupe/event_manager.hpp>

#include <vector>

#include "net/cluster_support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::event_manager_ref;
using troupe::exit_reason;
using troupe::handler;
using troupe::process;
using troupe::task;
using troupe::to_handler;

namespace {

using texts = std::vector<std::string>;

struct noted {
  std::string text;
};
struct get_notes {
  using reply = texts;
};
struct fail_now {
  using reply = int;
};

class notebook : public troupe::event_handler {
 public:
  using handles = troupe::messages<noted, get_notes, fail_now>;
  void handle(const noted& n) { notes_.push_back(n.text); }
  texts handle(get_notes) { return notes_; }
  int handle(fail_now) { throw std::runtime_error("torn"); }

 private:
  texts notes_;
};

// A node with an event manager `notes`, which has a handler `book`.
void start_notes(test_node& n) {
  n.system.run([](context self) -> task<> {
    start_event_manager(self, {.name = "notes"}, {handler<notebook>("book")});
    co_return;
  });
}

// On the manager's node for somebody elsewhere: ties the handler to itself and so to that process,
// with which it is linked.
process keeps_a_handler(context self, std::string id) {
  co_await self.call({"notes"}, troupe::add_sup_handler(handler<notebook>(id)));
  co_await self.receive<troupe::handler_removed>();
}

task<texts> handlers_of(context self, troupe::destination manager) {
  texts ids;
  for (const auto& h : co_await self.call(manager, troupe::which_handlers{})) ids.push_back(h.id);
  co_return ids;
}

}  // namespace

TEST_CASE("events and calls reach the handlers of an event manager on another node in order") {
  two_nodes t;
  start_notes(t.b);
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination notes("notes", t.b.name());
    self.send(notes, noted{"one"});
    co_await sync_notify(self, notes, noted{"two"});
    self.send(notes, noted{"three"});
    const texts all = co_await self.call(notes, to_handler{"book", get_notes{}});
    CHECK(all == texts{"one", "two", "three"});
  });
  t.a.system.send({"notes", t.b.name()}, noted{"four"});
  t.a.system.call({"notes", t.b.name()}, troupe::events_handled{});
  CHECK(t.a.system.call({"notes", t.b.name()}, to_handler{"book", get_notes{}}).size() == 4);
}

TEST_CASE("handlers are listed and deleted from another node and failures say what is wrong") {
  two_nodes t;
  start_notes(t.b);
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination notes("notes", t.b.name());
    const texts known = co_await handlers_of(self, notes);
    CHECK(known == texts{"book"});
    const auto unknown = co_await self.try_call(notes, troupe::delete_handler{"shelf"});
    CHECK(unknown.reason().type() == "troupe::no_handler");
    const auto elsewhere = co_await self.try_call(notes, to_handler{"shelf", get_notes{}});
    CHECK(elsewhere.reason().type() == "troupe::no_handler");
    const auto failed = co_await self.try_call(notes, to_handler{"book", fail_now{}});
    CHECK(failed.reason() == exit_reason::error("std::runtime_error", "torn"));
    CHECK((co_await handlers_of(self, notes)).empty());
  });
}

TEST_CASE("an event manager is stopped from another node with the reason that is given") {
  two_nodes t;
  start_notes(t.b);
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination notes("notes", t.b.name());
    const auto ref = self.monitor(notes);
    co_await self.call(notes, troupe::stop_event_manager{exit_reason::shutdown});
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.ref == ref);
    CHECK(down.reason == exit_reason::shutdown);
    const auto gone = co_await self.try_call(notes, troupe::events_handled{});
    CHECK(gone.reason() == exit_reason::noproc);
  });
}

TEST_CASE("a handler cannot be sent to another node and the failed call says so") {
  two_nodes t;
  start_notes(t.b);
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination notes("notes", t.b.name());
    const auto added =
        co_await self.try_call(notes, troupe::add_handler(handler<notebook>("second")));
    CHECK(added.reason().type() == "troupe::not_sendable");
    CHECK_THAT(std::string(added.reason().text()),
               matchers::ContainsSubstring("add_handler") &&
                   matchers::ContainsSubstring("cannot cross to another node"));
    const auto tied =
        co_await self.try_call(notes, troupe::add_sup_handler(handler<notebook>("second")));
    CHECK(tied.reason().type() == "troupe::not_sendable");
    const auto swapped =
        co_await self.try_call(notes, troupe::swap_handler("book", handler<notebook>("second")));
    CHECK(swapped.reason().type() == "troupe::not_sendable");
    const texts known = co_await handlers_of(self, notes);
    CHECK(known == texts{"book"});
  });
}

TEST_CASE("a handler goes with the process of another node for which it was added") {
  two_nodes t;
  start_notes(t.b);
  t.b.node->offer("keeps a handler", keeps_a_handler);
  t.a.system.run([&](context self) -> task<> {
    const troupe::destination notes("notes", t.b.name());
    const auto user = self.spawn_monitor([&](context me) -> process {
      co_await t.a.node->spawn_link_on(me, t.b.name(), "keeps a handler", std::string("mine"));
      co_await me.receive<die>();
    });
    while ((co_await handlers_of(self, notes)).size() < 2) co_await self.yield();
    self.send(user.id, die{});
    CHECK((co_await self.receive<troupe::down>()).reason == exit_reason::normal);
    // A normal end goes through no link: only another one takes the handler along.
    const texts before = co_await handlers_of(self, notes);
    CHECK(before == texts{"mine", "book"});
    const auto again = self.spawn_monitor([&](context me) -> process {
      co_await t.a.node->spawn_link_on(me, t.b.name(), "keeps a handler", std::string("ours"));
      co_await me.receive<die>();
      me.exit(exit_reason::shutdown);
    });
    while ((co_await handlers_of(self, notes)).size() < 3) co_await self.yield();
    self.send(again.id, die{});
    while ((co_await handlers_of(self, notes)).size() > 2) co_await self.yield();
    const texts after = co_await handlers_of(self, notes);
    CHECK(after == texts{"mine", "book"});
    co_await self.call(notes, troupe::delete_handler{"mine"});
  });
}
