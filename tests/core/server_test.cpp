#include "core/support.hpp"

#include <deque>
#include <functional>

using namespace troupe_test;
using troupe::call_error;
using troupe::context;
using troupe::down;
using troupe::exit_reason;
using troupe::exit_signal;
using troupe::messages;
using troupe::pid;
using troupe::process;
using troupe::ref;
using troupe::request;
using troupe::task;

namespace {

struct add {
  int by;
};
struct get {
  using reply = int;
};
struct clear {
  using reply = void;
};
struct fail {
  using reply = int;
  std::string text;
};
struct leave {
  exit_reason reason;
};
struct answer_of_another {
  static constexpr std::string_view type_name = "server_test.answer_of_another";
};
// Nobody here asks it or answers it.
struct passed_on {
  using reply = answer_of_another;
};
struct shared_by_servers {
  static constexpr std::string_view type_name = "server_test.shared";
  using reply = int;
};
struct unlisted {
  using reply = int;
};

class counter : public troupe::server {
 public:
  using handles = messages<add, get, clear, fail, leave>;
  explicit counter(int start) : value_(start) {}
  void handle(add m) { value_ += m.by; }
  int handle(get) { return value_; }
  void handle(clear) { value_ = 0; }
  int handle(fail f) { throw std::runtime_error(f.text); }
  void handle(leave l) { self.exit(l.reason); }

 private:
  int value_;
};

// What a server tells about its life.
using report = std::function<void(std::string)>;
class noted {
 public:
  report writer() {
    return [this](std::string line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::move(line));
    };
  }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};
using lines = std::vector<std::string>;

class mortal : public counter {
 public:
  explicit mortal(report to) : counter(0), to_(std::move(to)) { to_("init"); }
  void terminate(const exit_reason& why) override { to_("terminate " + to_string(why)); }
  ~mortal() override { to_("destroyed"); }

 private:
  report to_;
};

// Why a call fails.
template <class T>
task<exit_reason> failure_of(context self, pid to, T body) {
  auto answer = co_await self.try_call(to, std::move(body), troupe::infinity);
  co_return answer ? exit_reason::normal : answer.reason();
}

}  // namespace

TEST_CASE("a server keeps its state between messages and answers calls, inside and from outside") {
  checked_system sys;
  const ref<counter> c = sys->spawn<counter>(5);
  sys->send(c, add{2});
  CHECK(sys->call(c, get{}) == 7);
  sys->run([&](context self) -> task<> {
    self.send(c, add{3});
    CHECK(co_await self.call(c, get{}) == 10);
    co_await self.call(c, clear{});
    CHECK(co_await self.call(c, get{}) == 0);
    const ref<counter> own = self.spawn<counter>(1);
    CHECK(co_await self.call(own, get{}) == 1);
  });
}

TEST_CASE("a server takes messages of one sender in the order sent, calls and casts together") {
  checked_system sys;
  class ledger : public troupe::server {
   public:
    using handles = messages<add, get, clear>;
    void handle(add m) { sum_ = sum_ * 10 + m.by; }
    int handle(get) { return sum_; }
    void handle(clear) { sum_ = 0; }

   private:
    int sum_ = 0;
  };
  sys->run([](context self) -> task<> {
    const auto l = self.spawn<ledger>();
    self.send(l, add{1});
    self.send(l, add{2});
    auto asked = self.send_request(l, get{});
    self.send(l, add{3});
    self.send(l, clear{});  // a request that is sent: it is handled, its answer goes nowhere
    self.send(l, add{4});
    auto answer = co_await asked;
    REQUIRE(answer);
    CHECK(*answer == 12);
    CHECK(co_await self.call(l, get{}) == 4);
  });
}

TEST_CASE("a request that is sent and not called is handled in each form of handler, unanswered") {
  checked_system sys;
  struct by_request {
    using reply = int;
    std::string text;
  };
  struct by_task {
    using reply = int;
    std::string text;
  };
  struct by_value {
    using reply = int;
    std::string text;
  };
  struct by_void {
    using reply = void;
    std::string text;
  };
  class keeper : public troupe::server {
   public:
    using handles = messages<by_request, by_task, by_value, by_void, get>;
    void handle(request<by_request> r) {
      seen_ += r->text;
      r.reply(1);
    }
    task<int> handle(by_task m) {
      co_await self.yield();
      seen_ += m.text;
      co_return 1;
    }
    int handle(by_value m) {
      seen_ += m.text;
      return 1;
    }
    void handle(by_void m) { seen_ += m.text; }
    int handle(get) { return seen_ == "abcd" ? 1 : 0; }

   private:
    std::string seen_;
  };
  sys->run([](context self) -> task<> {
    const auto k = self.spawn<keeper>();
    self.send(k, by_request{"a"});
    self.send(k, by_task{"b"});
    self.send(k, by_value{"c"});
    self.send(k, by_void{"d"});
    CHECK(co_await self.call(k, get{}) == 1);
    CHECK(co_await self.call(k, by_value{}) == 1);
  });
}

TEST_CASE("a node can decode what its servers handle, a type of two of them too") {
  checked_system sys;
  class first : public troupe::server {
   public:
    using handles = messages<shared_by_servers>;
    int handle(shared_by_servers) { return 1; }
  };
  class second : public troupe::server {
   public:
    using handles = messages<add, shared_by_servers>;
    void handle(add) {}
    int handle(shared_by_servers) { return 2; }
  };
  CHECK(sys->call(sys->spawn<first>(), shared_by_servers{}) == 1);
  CHECK(sys->call(sys->spawn<second>(), shared_by_servers{}) == 2);
  for (const auto kind : {troupe::message_kind::value, troupe::message_kind::request}) {
    const auto found = troupe::find_message_type(kind, "server_test.shared");
    REQUIRE(found.type != nullptr);
    CHECK(found.type->kind == kind);
  }
}

TEST_CASE("a node can decode the answers to what its servers pass on to other nodes") {
  checked_system sys;
  class first : public troupe::server {
   public:
    using handles = messages<passed_on>;
    void handle(troupe::request<passed_on>) {}
  };
  (void)sys->spawn<first>();
  CHECK(troupe::find_message_type(troupe::message_kind::reply, answer_of_another::type_name).type !=
        nullptr);
}

TEST_CASE("a server is found by name, typed or not, and its name is free when it has ended") {
  checked_system sys;
  const ref<counter> c = sys->spawn_with<counter>({.name = "the counter"}, 4);
  CHECK(sys->whereis("the counter") == c.id());
  sys->send("the counter", add{1});
  CHECK(sys->call("the counter", get{}) == 5);
  CHECK_THROWS_AS(sys->spawn_with<counter>({.name = "the counter"}, 0), troupe::name_taken);
  sys->run([&](context self) -> task<> {
    self.send(c, leave{exit_reason::normal});
    CHECK_THROWS_AS(co_await self.call("the counter", get{}), call_error);
    CHECK_THROWS_WITH(co_await self.call("the counter", get{}),
                      matchers::ContainsSubstring("noproc"));
  });
  sys->spawn_with<counter>({.name = "the counter"}, 8);
  CHECK(sys->call("the counter", get{}) == 8);
}

TEST_CASE("a ref is the pid of its server: it converts, compares and can be sent") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    struct address {
      ref<counter> of;
    };
    const auto c = self.spawn<counter>(3);
    const pid plain = c;
    CHECK(plain == c.id());
    CHECK(ref<counter>(plain) == c);
    CHECK(ref<counter>() != c);
    self.send(self, address{c});
    CHECK(co_await self.call((co_await self.receive<address>()).of, get{}) == 3);
  });
}

TEST_CASE("the constructor runs in the new process, and what it is given may only move") {
  checked_system sys;
  class owner : public troupe::server {
   public:
    using handles = messages<get>;
    explicit owner(std::unique_ptr<int> owned) : owned_(std::move(owned)), made_by_(self.id()) {}
    int handle(get) { return made_by_ == self.id() ? *owned_ : -1; }

   private:
    std::unique_ptr<int> owned_;
    pid made_by_;
  };
  CHECK(sys->call(sys->spawn<owner>(std::make_unique<int>(6)), get{}) == 6);
}

TEST_CASE("a server cannot be made by hand, and says what to write") {
  CHECK_THROWS_WITH(counter(1), matchers::ContainsSubstring("spawn<S>(...)"));
}

TEST_CASE("what the constructor throws ends the process, and its callers learn it") {
  checked_system sys;
  class broken : public troupe::server {
   public:
    using handles = messages<get>;
    broken() { throw std::runtime_error("no config"); }
    int handle(get) { return 0; }
    void terminate(const exit_reason&) override { throw std::logic_error("it never lived"); }
  };
  sys->run([](context self) -> task<> {
    const exit_reason why = exit_reason::error("std::runtime_error", "no config");
    const auto b = self.spawn_with<broken>({.monitor = true});
    auto answer = co_await self.try_call(b.id, get{}, troupe::infinity);
    REQUIRE(!answer);
    CHECK((answer.reason() == why || answer.reason() == exit_reason::noproc));
    CHECK((co_await self.receive<down>()).reason == why);
  });
  CHECK_THAT(sys.log->text(), matchers::ContainsSubstring("broken") &&
                                  matchers::ContainsSubstring("crashed: error std::runtime_error: "
                                                              "no config"));
  CHECK_THAT(sys.log->text(), !matchers::ContainsSubstring("it never lived"));
}

TEST_CASE("terminate is told the reason before the destructor, in every end but kill") {
  struct ending {
    const char* name;
    std::function<void(context, pid)> cause;
    exit_reason reason;
    bool says_goodbye;
  };
  const ending endings[] = {
      {"exit in a handler", [](context s, pid p) { s.send(p, leave{exit_reason::of(3)}); },
       exit_reason::of(3), true},
      {"a normal exit", [](context s, pid p) { s.send(p, leave{exit_reason::normal}); },
       exit_reason::normal, true},
      {"an exception", [](context s, pid p) { s.send(p, fail{"odd"}); },
       exit_reason::error("std::runtime_error", "odd"), true},
      {"an exit signal", [](context s, pid p) { s.exit(p, exit_reason::shutdown); },
       exit_reason::shutdown, true},
      {"a kill", [](context s, pid p) { s.exit(p, exit_reason::kill); }, exit_reason::killed,
       false},
  };
  for (const ending& e : endings) {
    INFO(e.name);
    noted life;
    checked_system sys;
    sys->run([&](context self) -> task<> {
      const auto m = self.spawn_with<mortal>({.monitor = true}, life.writer());
      (void)co_await self.call(m.id, get{});
      e.cause(self, m.id);
      CHECK((co_await self.receive<down>()).reason == e.reason);
    });
    CHECK(life.lines() == (e.says_goodbye
                               ? lines{"init", "terminate " + to_string(e.reason), "destroyed"}
                               : lines{"init", "destroyed"}));
  }
}

TEST_CASE("a terminate that throws is reported, and the process ends with its own reason") {
  checked_system sys;
  class clumsy : public counter {
   public:
    clumsy() : counter(0) {}
    void terminate(const exit_reason&) override { throw std::runtime_error("on the way out"); }
  };
  sys->run([](context self) -> task<> {
    const auto c = self.spawn_with<clumsy>({.monitor = true});
    self.send(c.id, leave{exit_reason::of(2)});
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(2));
  });
  CHECK_THAT(sys.log->text(), matchers::ContainsSubstring("terminate threw") &&
                                  matchers::ContainsSubstring("on the way out"));
}

TEST_CASE(
    "an exception in a handler ends the server, and who called learns it, also who called before") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const exit_reason why = exit_reason::error("std::runtime_error", "bad day");
    const auto c = self.spawn_with<counter>({.monitor = true}, 0);
    auto failing = self.send_request(c.id, fail{"bad day"}, troupe::infinity);
    auto waiting = self.send_request(c.id, get{}, troupe::infinity);
    auto first = co_await failing;
    auto second = co_await waiting;
    REQUIRE(!first);
    REQUIRE(!second);
    CHECK(first.reason() == why);
    CHECK((second.reason() == why || second.reason() == exit_reason::noproc));
    CHECK((co_await self.receive<down>()).reason == why);
  });
}

TEST_CASE(
    "a message that a server does not handle is logged and dropped, and its caller learns it") {
  checked_system sys;
  const ref<counter> c = sys->spawn<counter>(1);
  sys->run([&](context self) -> task<> {
    self.send(c.id(), down{});
    const exit_reason why = co_await failure_of(self, c, unlisted{});
    CHECK(why.type() == "troupe::no_reply");
    CHECK(co_await self.call(c, get{}) == 1);
  });
  CHECK_THAT(sys.log->text(), matchers::ContainsSubstring(to_string(c.id())) &&
                                  matchers::ContainsSubstring("does not handle troupe::down") &&
                                  matchers::ContainsSubstring("unlisted"));
}

TEST_CASE(
    "a handler may be a task: what arrives meanwhile waits, and is handled after it in order") {
  checked_system sys;
  class slow : public troupe::server {
   public:
    using handles = messages<add, get, clear>;
    task<> handle(add m) {
      const int before = value_;
      for (int i = 0; i < 50; ++i) co_await self.yield();
      value_ = before + m.by;  // would lose what another handler added meanwhile
    }
    task<int> handle(get) {
      co_await self.sleep(1ms);
      co_return value_;
    }
    task<> handle(clear) {
      co_await self.yield();
      value_ = 0;
    }

   private:
    int value_ = 0;
  };
  sys->run([](context self) -> task<> {
    const auto s = self.spawn<slow>();
    for (int i = 0; i < 20; ++i) self.send(s, add{1});
    CHECK(co_await self.call(s, get{}) == 20);
    co_await self.call(s, clear{});
    CHECK(co_await self.call(s, get{}) == 0);
  });
}

TEST_CASE("a task handler may call other servers and receive on its own, past what waits") {
  checked_system sys;
  class middle : public troupe::server {
   public:
    using handles = messages<get, add>;
    explicit middle(ref<counter> below) : below_(below) {}
    task<int> handle(get) {
      self.send(self, unlisted{});
      (void)co_await self.receive<unlisted>();  // not the adds that came before
      co_return added_ + co_await self.call(below_, get{});
    }
    void handle(add m) { added_ += m.by; }

   private:
    ref<counter> below_;
    int added_ = 0;
  };
  sys->run([](context self) -> task<> {
    const auto m = self.spawn<middle>(self.spawn<counter>(40));
    auto first = self.send_request(m, get{});
    self.send(m, add{2});
    auto second = self.send_request(m, get{});
    auto a = co_await first;
    auto b = co_await second;
    REQUIRE(a);
    REQUIRE(b);
    CHECK(*a == 40);
    CHECK(*b == 42);
  });
}

TEST_CASE("an exception in a task handler ends the server, before its first wait and after") {
  class failing : public troupe::server {
   public:
    using handles = messages<fail, add>;
    task<int> handle(fail f) {
      if (f.text != "at once") co_await self.yield();
      throw std::runtime_error(f.text);
    }
    task<> handle(add) {
      co_await self.yield();
      self.exit(exit_reason::of(4));
    }
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    for (const char* when : {"at once", "later"}) {
      INFO(when);
      const auto f = self.spawn_with<failing>({.monitor = true});
      const exit_reason why = exit_reason::error("std::runtime_error", when);
      CHECK(co_await failure_of(self, f.id, fail{when}) == why);
      CHECK((co_await self.receive<down>()).reason == why);
    }
    const auto f = self.spawn_with<failing>({.monitor = true});
    self.send(f.id, add{1});
    CHECK((co_await self.receive<down>()).reason == exit_reason::of(4));
  });
}

TEST_CASE("a server that is killed in a task handler destroys the handler before itself") {
  noted life;
  class waiting : public mortal {
   public:
    using handles = messages<clear, get>;
    explicit waiting(report to) : mortal(to), to_(std::move(to)) {}
    task<> handle(clear) {
      struct local {
        report& to;
        ~local() { to("handler ended"); }
      } guard{to_};
      to_("in the handler");
      co_await self.sleep(1h);
    }
    int handle(get) { return 0; }

   private:
    report to_;
  };
  checked_system sys;
  sys->run([&](context self) -> task<> {
    const auto w = self.spawn_with<waiting>({.monitor = true}, life.writer());
    (void)co_await self.call(w.id, get{});
    auto asked = self.send_request(w.id, clear{}, troupe::infinity);
    while (life.lines().size() < 2) co_await self.yield();
    self.exit(w.id, exit_reason::of(1));
    auto answer = co_await asked;
    REQUIRE(!answer);
    CHECK(answer.reason() == exit_reason::of(1));
    (void)co_await self.receive<down>();
  });
  CHECK(life.lines() ==
        lines{"init", "in the handler", "terminate 1", "handler ended", "destroyed"});
}

TEST_CASE("a handler that takes the request may answer later, and out of order") {
  class waiting_room : public troupe::server {
   public:
    using handles = messages<get, add>;
    void handle(request<get> r) { waiting_.push_back(std::move(r)); }
    void handle(add m) {
      waiting_.back().reply(m.by);
      waiting_.pop_back();
    }

   private:
    std::deque<request<get>> waiting_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const auto room = self.spawn_with<waiting_room>({.monitor = true});
    auto first = self.send_request(room.id, get{});
    auto second = self.send_request(room.id, get{});
    auto third = self.send_request(room.id, get{}, troupe::infinity);
    self.send(room.id, add{3});
    self.send(room.id, add{2});
    auto b = co_await second;
    REQUIRE(b);
    CHECK(*b == 2);
    self.exit(room.id, exit_reason::of(9));  // the first still waits there
    auto a = co_await first;
    auto c = co_await third;
    REQUIRE(!a);
    CHECK(a.reason() == exit_reason::of(9));
    REQUIRE(c);
    CHECK(*c == 3);
    (void)co_await self.receive<down>();
  });
}

TEST_CASE("a server that traps exits handles them as messages, and downs and timers likewise") {
  struct seen {
    std::string what;
  };
  class watcher : public troupe::server {
   public:
    using handles = messages<exit_signal, down, add, leave>;
    explicit watcher(pid to) : to_(to) { self.trap_exits(true); }
    void handle(exit_signal e) { self.send(to_, seen{"exit " + to_string(e.reason)}); }
    void handle(down d) { self.send(to_, seen{"down " + to_string(d.reason)}); }
    void handle(add m) {
      if (m.by > 0) {
        self.send_after(1ms, self, add{m.by - 1});
        return;
      }
      self.send(to_, seen{"timer"});
      const pid child = self.spawn_link(idler);
      self.exit(child, exit_reason::of(1));
    }
    void handle(leave l) {
      (void)self.monitor(self.spawn([l](context me) -> process {
        me.exit(l.reason);
        co_return;
      }));
    }

   private:
    pid to_;
  };
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid w = self.spawn<watcher>(self.id());
    self.send(w, add{1});
    CHECK((co_await self.receive<seen>()).what == "timer");
    CHECK((co_await self.receive<seen>()).what == "exit 1");
    self.exit(w, exit_reason::shutdown);
    CHECK((co_await self.receive<seen>()).what == "exit shutdown");
    self.send(w, leave{exit_reason::of(2)});
    CHECK_THAT((co_await self.receive<seen>()).what, matchers::StartsWith("down "));
    CHECK(self.system().alive(w));
    self.exit(w, exit_reason::kill);
  });
}

TEST_CASE("a call to a server that does not answer in time fails, and the server goes on") {
  class stuck : public troupe::server {
   public:
    using handles = messages<get, clear, add>;
    void handle(request<get> r) { kept_ = std::move(r); }
    void handle(clear) {}
    void handle(add m) { kept_.reply(m.by); }

   private:
    request<get> kept_;
  };
  checked_system sys;
  const auto s = sys->spawn<stuck>();
  CHECK_THROWS_WITH(sys->call(s, get{}, 1ms), matchers::ContainsSubstring("troupe::timeout"));
  sys->call(s, clear{});
  sys->send(s, add{1});  // the late answer reaches nobody
  sys->run([&](context self) -> task<> {
    auto asked = self.send_request(s, get{});
    self.send(s, add{5});
    auto answer = co_await asked;
    REQUIRE(answer);
    CHECK(*answer == 5);
  });
}

TEST_CASE("a server with a flood of messages lets others run") {
  class greedy : public troupe::server {
   public:
    using handles = messages<add>;
    void handle(add m) { self.send(self, m); }
  };
  checked_system sys({.workers = 1});
  sys->run([](context self) -> task<> {
    const auto g = self.spawn_with<greedy>({.monitor = true});
    self.send(g.id, add{1});
    self.send(g.id, add{2});
    for (int i = 0; i < 100; ++i) co_await self.yield();
    self.exit(g.id, exit_reason::shutdown);
    CHECK((co_await self.receive<down>()).reason == exit_reason::shutdown);
  });
}

TEST_CASE("threads outside call one server at the same time and each has its own answer",
          "[threads]") {
  class adder : public troupe::server {
   public:
    struct sum {
      using reply = int;
      int a, b;
    };
    using handles = messages<sum>;
    int handle(sum s) { return s.a + s.b; }
  };
  checked_system sys({.workers = 2});
  const auto a = sys->spawn<adder>();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i)
        if (sys->call(a, adder::sum{t * 1000, i}) != t * 1000 + i) ++wrong;
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}
