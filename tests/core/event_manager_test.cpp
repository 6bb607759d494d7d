#include <troupe/event_manager.hpp>

#include "core/supervisor_support.hpp"

using namespace troupe_test;
using matchers::ContainsSubstring;
using troupe::add_handler;
using troupe::add_sup_handler;
using troupe::call_error;
using troupe::delete_handler;
using troupe::down;
using troupe::event_handler;
using troupe::event_manager_ref;
using troupe::events_handled;
using troupe::exit_signal;
using troupe::handler;
using troupe::handler_info;
using troupe::handler_removed;
using troupe::handler_swapped;
using troupe::messages;
using troupe::process;
using troupe::start_event_manager;
using troupe::swap_handler;
using troupe::to_handler;
using troupe::which_handlers;

namespace {

struct note {
  std::string text;
};
struct unheard {};
struct leave {};
struct get_count {
  using reply = int;
};
struct forget {
  using reply = void;
};
struct divide {
  using reply = int;
  int by;
};
struct goodbye {
  using reply = int;
};
struct watch {
  pid who;
};
struct sealed {
  std::unique_ptr<int> value;
};

// Writes down all that happens to it.
class scribe : public event_handler {
 public:
  using handles = messages<note, leave, get_count, forget, divide, goodbye>;
  scribe(std::string id, write_to write) : id_(std::move(id)), write_(std::move(write)) {
    write_('+' + id_);
  }
  ~scribe() override { write_('-' + id_); }
  void terminate(const exit_reason& why) override { write_(id_ + " ends: " + to_string(why)); }

  void handle(const note& n) {
    if (n.text == "bad " + id_) throw std::runtime_error("cannot write");
    ++count_;
    write_(id_ + ':' + n.text);
  }
  void handle(const leave&) {
    write_(id_ + ":leave");
    remove();
  }
  int handle(get_count) { return count_; }
  void handle(forget) { count_ = 0; }
  int handle(divide d) {
    if (d.by == 0) throw std::domain_error("by zero");
    return count_ / d.by;
  }
  int handle(goodbye) {
    remove();
    return count_;
  }
  [[nodiscard]] int count() const { return count_; }

 protected:
  std::string id_;
  write_to write_;
  int count_ = 0;
};

// Goes on counting where the handler that it replaces has ended.
class heir : public scribe {
 public:
  heir(std::string id, write_to write, event_handler* before)
      : scribe(std::move(id), std::move(write)) {
    const auto* const old = dynamic_cast<scribe*>(before);
    count_ = old != nullptr ? old->count() : -1;
  }
};

class broken : public event_handler {
 public:
  using handles = messages<note>;
  broken() { throw std::runtime_error("no paper"); }
  void handle(const note&) {}
};

class fails_to_end : public event_handler {
 public:
  using handles = messages<note>;
  void handle(const note&) {}
  void terminate(const exit_reason&) override { throw std::runtime_error("cannot close"); }
};

// Watches processes and writes down what the runtime tells of them.
class watcher : public event_handler {
 public:
  using handles = messages<watch, down, exit_signal>;
  explicit watcher(write_to write) : write_(std::move(write)) {}
  void handle(const watch& w) { (void)self.monitor(w.who); }
  void handle(const down& d) { write_("down " + to_string(d.reason)); }
  void handle(const exit_signal& e) { write_("exit " + to_string(e.reason)); }

 private:
  write_to write_;
};

// A manager of scribes in a system on one worker.
struct desk : fixture {
  desk() {
    alarms = event_manager_ref(
        sys->run([](context self) -> task<pid> { co_return start_event_manager(self).id(); }));
  }
  troupe::handler_spec scribe_of(const std::string& id) {
    return handler<scribe>(id, id, writer());
  }
  void add(const std::string& id) { sys->call(alarms, add_handler(scribe_of(id))); }
  // Shows an event, and gives what was written.
  template <class Event>
  std::string shown(Event event) {
    sys->send(alarms, std::move(event));
    sys->call(alarms, events_handled{});
    return book.take();
  }
  template <class T>
  exit_reason refused(T what) {
    return sys->run([&](context self) -> task<exit_reason> {
      auto answer = co_await self.try_call(alarms, std::move(what));
      co_return answer ? exit_reason::normal : answer.reason();
    });
  }
  // A process that has added a supervised handler, and passes on what it is told of its end.
  pid adder(const std::string& id) {
    const pid made = sys->spawn([this, id](context self) -> process {
      co_await self.call(alarms, add_sup_handler(scribe_of(id)));
      book.add("added");
      for (;;)
        co_await self.receive(
            [&](handler_removed r) { book.add(r.id + " gone: " + to_string(r.reason)); },
            [&](end_with e) { self.exit(e.reason); });
    });
    (void)happened();
    return made;
  }
  event_manager_ref alarms;
};

}  // namespace

TEST_CASE("every handler that lists an event is shown it and the newest is the first") {
  desk d;
  d.add("a");
  d.add("b");
  CHECK(d.book.take() == "+a +b");
  CHECK(d.shown(note{"fire"}) == "b:fire a:fire");
  CHECK(d.shown(note{"flood"}) == "b:flood a:flood");
}

TEST_CASE("an event that no handler takes is dropped silently") {
  desk d;
  CHECK(d.shown(note{"nobody is there"}).empty());
  d.add("a");
  CHECK(d.shown(unheard{}) == "+a");
  CHECK(d.sys.log->text(troupe::log_level::debug).empty());
}

TEST_CASE("an event that cannot be copied is shown to all handlers") {
  desk d;
  class opener : public event_handler {
   public:
    using handles = messages<sealed>;
    explicit opener(write_to write) : write_(std::move(write)) {}
    void handle(const sealed& s) { write_(std::to_string(*s.value)); }

   private:
    write_to write_;
  };
  d.sys->call(d.alarms, add_handler(handler<opener>("one", d.writer())));
  d.sys->call(d.alarms, add_handler(handler<opener>("two", d.writer())));
  CHECK(d.shown(sealed{std::make_unique<int>(7)}) == "7 7");
}

TEST_CASE("a request reaches the handler of its id and no other") {
  desk d;
  d.add("a");
  (void)d.shown(note{"one"});
  d.add("b");
  (void)d.shown(note{"two"});
  CHECK(d.sys->call(d.alarms, to_handler{"a", get_count{}}) == 2);
  CHECK(d.sys->call(d.alarms, to_handler{"b", get_count{}}) == 1);
  d.sys->call(d.alarms, to_handler{"a", forget{}});
  CHECK(d.sys->call(d.alarms, to_handler{"a", get_count{}}) == 0);
  CHECK(d.sys->call(d.alarms, to_handler{"b", get_count{}}) == 1);
}

TEST_CASE("events and requests of one sender are handled in the order sent") {
  desk d;
  d.add("a");
  d.sys->run([&](context self) -> task<> {
    self.send(d.alarms, note{"one"});
    auto first = self.send_request(d.alarms, to_handler{"a", get_count{}});
    self.send(d.alarms, note{"two"});
    auto second = self.send_request(d.alarms, to_handler{"a", get_count{}});
    CHECK(*co_await first == 1);
    CHECK(*co_await second == 2);
  });
}

TEST_CASE("a request that no handler of that id takes fails and says what was asked") {
  desk d;
  d.sys->call(d.alarms, add_handler(handler<watcher>("watch", d.writer())));
  const exit_reason unknown = d.refused(to_handler{"c", get_count{}});
  CHECK(unknown.type() == "troupe::no_handler");
  CHECK_THAT(to_string(unknown), ContainsSubstring("\"c\""));
  CHECK_THAT(to_string(unknown), ContainsSubstring("get_count"));
  CHECK(d.refused(to_handler{"watch", get_count{}}).type() == "troupe::no_handler");
  CHECK(d.sys->call(d.alarms, which_handlers{}).size() == 1);
}

TEST_CASE("a handler that throws at an event is removed and the others are shown it") {
  desk d;
  for (const char* id : {"a", "b", "c"}) d.add(id);
  (void)d.book.take();
  CHECK(d.shown(note{"bad b"}) ==
        "c:bad b b ends: error std::runtime_error: cannot write -b a:bad b");
  CHECK(d.shown(note{"x"}) == "c:x a:x");
}

TEST_CASE("the log names the handler that threw with its class and the event and the error") {
  desk d;
  d.add("a");
  (void)d.shown(note{"bad a"});
  const std::string text = d.sys.log->text(troupe::log_level::error);
  CHECK_THAT(text, ContainsSubstring("event manager " + to_string(d.alarms.id())));
  CHECK_THAT(text, ContainsSubstring("handler a ("));
  CHECK_THAT(text, ContainsSubstring("scribe"));
  CHECK_THAT(text, ContainsSubstring("note"));
  CHECK_THAT(text, ContainsSubstring("std::runtime_error: cannot write"));
}

TEST_CASE("a handler that throws at a request is removed and the caller learns why") {
  desk d;
  d.add("a");
  (void)d.shown(note{"one"});
  CHECK(d.sys->call(d.alarms, to_handler{"a", divide{1}}) == 1);
  CHECK(d.refused(to_handler{"a", divide{0}}) ==
        exit_reason::error("std::domain_error", "by zero"));
  CHECK(d.sys->call(d.alarms, which_handlers{}).empty());
  CHECK_THAT(d.sys.log->text(), ContainsSubstring("by zero"));
}

TEST_CASE("a handler whose constructor throws is not added and the caller learns why") {
  desk d;
  CHECK(d.refused(add_handler(handler<broken>("x"))) ==
        exit_reason::error("std::runtime_error", "no paper"));
  CHECK(d.sys->call(d.alarms, which_handlers{}).empty());
  CHECK(d.sys.log->text().empty());
}

TEST_CASE("an id that is taken is refused and the handler that has it stays") {
  desk d;
  d.add("a");
  CHECK(d.refused(add_handler(d.scribe_of("a"))).type() == "troupe::handler_exists");
  d.add("b");
  CHECK(d.refused(swap_handler("a", d.scribe_of("b"))).type() == "troupe::handler_exists");
  CHECK(d.book.take() == "+a +b");
  CHECK(d.sys->call(d.alarms, which_handlers{}).size() == 2);
}

TEST_CASE("a handler that is deleted terminates and is destroyed before the call returns") {
  desk d;
  d.add("a");
  d.sys->call(d.alarms, delete_handler{"a"});
  CHECK(d.book.take() == "+a a ends: normal -a");
  CHECK(d.refused(delete_handler{"a"}).type() == "troupe::no_handler");
  CHECK(d.shown(note{"x"}).empty());
}

TEST_CASE("a handler whose terminate throws is gone all the same and the caller learns why") {
  desk d;
  d.sys->call(d.alarms, add_handler(handler<fails_to_end>("x")));
  CHECK(d.refused(delete_handler{"x"}) == exit_reason::error("std::runtime_error", "cannot close"));
  CHECK(d.sys->call(d.alarms, which_handlers{}).empty());
  CHECK_THAT(d.sys.log->text(), ContainsSubstring("cannot close"));
}

TEST_CASE("a handler that replaces another is given it after its end and before it is destroyed") {
  desk d;
  d.add("old");
  (void)d.shown(note{"one"});
  (void)d.shown(note{"two"});
  d.sys->call(d.alarms, swap_handler("old", handler<heir>("new", std::string("new"), d.writer())));
  const std::string told = d.book.take();
  CHECK_THAT(told, matchers::StartsWith("old ends: "));
  CHECK_THAT(told, matchers::EndsWith(" +new -old"));
  CHECK(d.sys->call(d.alarms, to_handler{"new", get_count{}}) == 2);
  CHECK(d.refused(to_handler{"old", get_count{}}).type() == "troupe::no_handler");
}

TEST_CASE("a handler that replaces nobody is added") {
  desk d;
  d.sys->call(d.alarms, swap_handler("none", handler<heir>("new", std::string("new"), d.writer())));
  CHECK(d.sys->call(d.alarms, to_handler{"new", get_count{}}) == -1);
}

TEST_CASE("a handler may be replaced by one of the same id") {
  desk d;
  d.add("a");
  d.sys->call(d.alarms, swap_handler("a", handler<heir>("a", std::string("a"), d.writer())));
  CHECK(d.sys->call(d.alarms, which_handlers{}).size() == 1);
}

TEST_CASE("a handler can replace itself and add another and end its manager by what it sends") {
  desk d;
  class changer : public scribe {
   public:
    using handles = messages<note>;
    explicit changer(write_to write) : scribe("changer", std::move(write)) {}
    void handle(const note& n) {
      if (n.text == "add") self.send(self, add_handler(handler<scribe>("b", "b", write_)));
      if (n.text == "swap")
        self.send(self, swap_handler("changer", handler<scribe>("a", "a", write_)));
      if (n.text == "delete") self.send(self, delete_handler{"b"});
      if (n.text == "stop") self.send(self, troupe::stop_event_manager{});
    }
  };
  const auto ids = [&] {
    std::string all;
    for (const auto& h : d.sys->call(d.alarms, which_handlers{})) all += h.id + ' ';
    return all;
  };
  d.sys->call(d.alarms, add_handler(handler<changer>("changer", d.writer())));
  (void)d.shown(note{"add"});
  CHECK(ids() == "b changer ");
  (void)d.shown(note{"delete"});
  CHECK(ids() == "changer ");
  (void)d.shown(note{"swap"});
  CHECK(ids() == "a ");
  d.sys->call(d.alarms, add_handler(handler<changer>("changer", d.writer())));
  d.sys->send(d.alarms, note{"stop"});
  (void)d.happened();
  CHECK(!d.sys->alive(d.alarms));
}

TEST_CASE("when the handler that replaces another cannot be made both are gone") {
  desk d;
  d.add("old");
  CHECK(d.refused(swap_handler("old", handler<broken>("new"))) ==
        exit_reason::error("std::runtime_error", "no paper"));
  CHECK(d.sys->call(d.alarms, which_handlers{}).empty());
  CHECK_THAT(d.book.take(), matchers::EndsWith("-old"));
}

TEST_CASE("the handlers are listed in their order with their class and who supervises them") {
  desk d;
  d.add("a");
  const pid by = d.adder("b");
  const std::vector<handler_info> all = d.sys->call(d.alarms, which_handlers{});
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == "b");
  CHECK(all[0].supervisor == by);
  CHECK(all[1].id == "a");
  CHECK(!all[1].supervisor);
  CHECK_THAT(all[1].type, ContainsSubstring("scribe"));
}

TEST_CASE("a supervised handler is removed when the process that added it ends") {
  desk d;
  d.add("a");
  const pid by = d.adder("b");
  (void)d.book.take();
  d.sys->send(by, end_with{exit_reason::shutdown});
  CHECK(d.happened() == "b ends: shutdown -b");
  CHECK(d.shown(note{"x"}) == "a:x");
}

TEST_CASE("who added a supervised handler is told when it is removed and why") {
  desk d;
  (void)d.adder("a");
  d.sys->call(d.alarms, delete_handler{"a"});
  CHECK_THAT(d.happened(), matchers::EndsWith("a gone: normal"));
  (void)d.adder("b");
  (void)d.shown(note{"bad b"});
  (void)d.adder("c");
  d.sys->send(d.alarms, leave{});
  CHECK_THAT(d.happened(), matchers::EndsWith("c gone: normal"));
}

TEST_CASE("who added a supervised handler is told what it threw") {
  desk d;
  (void)d.adder("b");
  d.sys->send(d.alarms, note{"bad b"});
  CHECK_THAT(d.happened(), matchers::EndsWith("b gone: error std::runtime_error: cannot write"));
}

TEST_CASE("who supervises a handler that is replaced is told and supervises the new one") {
  desk d;
  const pid by = d.adder("a");
  d.sys->call(d.alarms, swap_handler("a", d.scribe_of("b")));
  const std::string told = d.happened();
  CHECK_THAT(told, ContainsSubstring("a gone: "));
  CHECK_THAT(told, ContainsSubstring(to_string(by)));
  d.sys->send(by, end_with{exit_reason::normal});
  CHECK(d.happened() == "b ends: normal -b");
}

TEST_CASE("who replaces a handler by a supervised one supervises it from then on") {
  desk d;
  const pid by = d.adder("a");
  d.sys->run([&](context self) -> task<> {
    co_await self.call(d.alarms, troupe::swap_sup_handler("a", d.scribe_of("b")));
    const auto all = co_await self.call(d.alarms, which_handlers{});
    REQUIRE(all.size() == 1);
    CHECK(all[0].supervisor == self.id());
    co_await self.call(d.alarms, delete_handler{"b"});
    const handler_removed r = co_await self.receive<handler_removed>();
    CHECK(r.id == "b");
    CHECK(r.reason == exit_reason::normal);
  });
  CHECK(d.sys->alive(by));
}

TEST_CASE("who added a supervised handler outlives a manager that stops and not one that crashes") {
  desk d;
  const pid by = d.adder("a");
  (void)d.book.take();
  d.sys->call(d.alarms, troupe::stop_event_manager{});
  CHECK(d.happened() == "a ends: shutdown -a a gone: shutdown");
  CHECK(d.sys->alive(by));
  desk e;
  const pid other = e.adder("a");
  e.sys->exit(e.alarms, exit_reason::kill);
  (void)e.happened();
  CHECK(!e.sys->alive(other));
}

TEST_CASE("a synchronous event returns when all handlers are done with it") {
  desk d;
  d.add("a");
  d.add("b");
  (void)d.book.take();
  d.sys->run([&](context self) -> task<> {
    co_await sync_notify(self, d.alarms, note{"fire"});
    CHECK(d.book.take() == "b:fire a:fire");
    co_await sync_notify(self, d.alarms, unheard{});
  });
}

TEST_CASE("a handler can remove itself at an event and at a request that it answers first") {
  desk d;
  d.add("a");
  (void)d.book.take();
  CHECK(d.shown(leave{}) == "a:leave a ends: normal -a");
  d.add("b");
  (void)d.shown(note{"one"});
  CHECK(d.sys->call(d.alarms, to_handler{"b", goodbye{}}) == 1);
  CHECK(d.happened() == "b ends: normal -b");
  CHECK(d.sys.log->text().empty());
}

TEST_CASE("a handler that exits is removed with that reason and only a failure is logged") {
  desk d;
  class quitter : public event_handler {
   public:
    using handles = messages<end_with>;
    explicit quitter(write_to write) : write_(std::move(write)) {}
    void terminate(const exit_reason& why) override { write_(to_string(why)); }
    void handle(const end_with& e) { self.exit(e.reason); }

   private:
    write_to write_;
  };
  d.sys->call(d.alarms, add_handler(handler<quitter>("q", d.writer())));
  CHECK(d.shown(end_with{exit_reason::shutdown}) == "shutdown");
  CHECK(d.sys.log->text().empty());
  d.sys->call(d.alarms, add_handler(handler<quitter>("q", d.writer())));
  CHECK(d.shown(end_with{exit_reason::killed}) == "killed");
  CHECK_THAT(d.sys.log->text(), ContainsSubstring("handler q"));
}

TEST_CASE("what the runtime tells the manager reaches the handlers that list it") {
  desk d;
  d.sys->call(d.alarms, add_handler(handler<watcher>("w", d.writer())));
  const pid victim = d.sys->spawn(idler);
  (void)d.shown(watch{victim});
  d.sys->exit(victim, exit_reason::shutdown);
  CHECK(d.happened() == "down shutdown");
  const pid by = d.adder("a");
  (void)d.book.take();
  d.sys->send(by, end_with{exit_reason::shutdown});
  CHECK(d.happened() == "a ends: shutdown -a exit shutdown");
}

TEST_CASE("a manager that is told to stop ends all handlers and then itself with that reason") {
  desk d;
  d.add("a");
  d.add("b");
  (void)d.book.take();
  const exit_reason why = d.sys->run([&](context self) -> task<exit_reason> {
    const auto ref = self.monitor(d.alarms.id());
    co_await self.call(d.alarms, troupe::stop_event_manager{exit_reason::error("my", "end")});
    CHECK(d.book.take() == "b ends: shutdown -b a ends: shutdown -a");
    down ended = co_await self.receive<down>([&](const down& m) { return m.ref == ref; });
    co_return std::move(ended.reason);
  });
  CHECK(why == exit_reason::error("my", "end"));
}

TEST_CASE("a manager ends with the process that it is linked to") {
  desk d;
  d.sys->run([&](context self) -> task<> {
    const pid owner = self.spawn([&](context me) -> process {
      (void)start_event_manager(me, {.name = "mine", .link = true}, {d.scribe_of("a")});
      (void)co_await me.receive<leave>();
      me.exit(exit_reason::error("my", "end"));
    });
    co_await settle(self);
    const pid mine = self.whereis("mine");
    self.send(owner, leave{});
    CHECK(co_await end_of(self, mine) == exit_reason::error("my", "end"));
  });
  CHECK(d.book.take() == "+a a ends: shutdown -a");
}

TEST_CASE("a manager that is not linked outlives the process that started it") {
  desk d;
  const pid made = d.sys->run([&](context self) -> task<pid> {
    const event_manager_ref mine = start_event_manager(self);
    co_await self.call(mine, add_handler(d.scribe_of("a")));
    co_await self.call(mine, add_sup_handler(d.scribe_of("b")));
    co_return mine.id();
  });
  CHECK(d.happened() == "+a +b b ends: normal -b");
  CHECK(d.sys->call(made, to_handler{"a", get_count{}}) == 0);
}

TEST_CASE("the handlers of a manager that is killed are destroyed and not told") {
  desk d;
  d.add("a");
  d.sys->exit(d.alarms, exit_reason::kill);
  CHECK(d.happened() == "+a -a");
}

TEST_CASE("a supervised manager starts with its handlers and starts again with them") {
  fixture f;
  const auto make = [&](const std::string& id) { return handler<scribe>(id, id, f.writer()); };
  const auto tree =
      f.sys->supervise(troupe::one_for_one{},
                       {troupe::event_manager("alarms", {make("a"), make("b")}).registered()});
  CHECK(f.happened() == "+a +b");
  f.sys->send("alarms", note{"fire"});
  CHECK(f.happened() == "b:fire a:fire");
  f.sys->exit(f.sys->whereis("alarms"), exit_reason::kill);
  (void)f.happened();
  CHECK(f.sys->call("alarms", to_handler{"a", get_count{}}) == 0);
  (void)f.book.take();
  f.sys->exit(tree, exit_reason::shutdown);
  CHECK(f.happened() == "b ends: shutdown -b a ends: shutdown -a");
}

TEST_CASE("a supervised manager does not start if one of its handlers cannot be made") {
  fixture f;
  std::optional<exit_reason> why;
  try {
    f.sys->supervise(troupe::one_for_one{},
                     {troupe::event_manager("alarms", {handler<broken>("x")})});
  } catch (const troupe::start_failed& e) {
    why = e.reason();
  }
  REQUIRE(why);
  CHECK_THAT(to_string(*why), ContainsSubstring("no paper"));
}

TEST_CASE("a handler knows the manager's process as its own") {
  desk d;
  class teller : public event_handler {
   public:
    using handles = messages<watch>;
    void handle(const watch& w) { self.send(w.who, watch{self}); }
  };
  d.sys->call(d.alarms, add_handler(handler<teller>("t")));
  d.sys->run([&](context self) -> task<> {
    self.send(d.alarms, watch{self});
    const watch told = co_await self.receive<watch>();
    CHECK(told.who == d.alarms.id());
  });
}
