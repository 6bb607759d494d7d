// Mistakes that everybody knows: the checker must find each, and must pass the program without it.
#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

namespace {

void finds(const std::string& what, const std::function<void(execution&)>& program) {
  const findings found = explore({}, program);
  CHECK_THAT(found.failure, matchers::ContainsSubstring(what));
  INFO(found.report());
  const findings again = explore({}, program, found.choices.empty() ? "0" : found.choices);
  CHECK(again.executions == 1);
  CHECK(again.failure == found.failure);
  CHECK(again.trace == found.trace);
}
void passes(const std::function<void(execution&)>& program) {
  const findings found = explore(without_bound, program);
  INFO(found.report());
  CHECK(found.exhausted);
}

void hand_over(execution& run, memory_order release, memory_order acquire) {
  model_atomic<bool> ready;
  model_var<int> data;
  run.start("giver", [&] {
    data = 7;
    ready.store(true, release);
  });
  run.start("taker", [&] {
    while (!ready.load(acquire)) run.yield();
    run.require(data == 7, "the data is not there");
  });
  run.join();
}

void peterson(execution& run, memory_order order) {
  model_atomic<bool> wants[2];
  model_atomic<int> turn;
  model_var<int> guarded;
  const auto enter = [&](int self) {
    const int other = 1 - self;
    wants[self].store(true, order);
    turn.store(other, order);
    while (wants[other].load(order) && turn.load(order) == other) run.yield();
    guarded = guarded + 1;
    wants[self].store(false, order);
  };
  run.start("left", [&] { enter(0); });
  run.start("right", [&] { enter(1); });
  run.join();
  run.require(guarded == 2, "an increment was lost");
}

// A consumer that sleeps when it sees no work; `again` looks once more after it has said so.
void sleeper(execution& run, bool again) {
  model_atomic<int> work;
  model_atomic<std::uint32_t> asleep;
  run.start("consumer", [&] {
    while (work.load() == 0) {
      asleep.store(1);
      if (again && work.load() != 0) break;
      model_sync::sleep(asleep, 1, std::chrono::nanoseconds::max());
    }
  });
  run.start("producer", [&] {
    work.store(1);
    if (asleep.exchange(0) == 1) model_sync::wake_one(asleep);
  });
  run.join();
}

struct cell {
  explicit cell(int n) : number(n) {}
  model_atomic<cell*> next{nullptr};  // not plain: the classic race on it is not the point here
  model_var<int> number;
};

class naive_stack {
 public:
  void push(cell* c) {
    cell* top = top_.load(memory_order_acquire);
    do {
      c->next.store(top, memory_order_relaxed);
    } while (!top_.compare_exchange_strong(top, c, memory_order_acq_rel, memory_order_acquire));
  }
  cell* pop() {
    cell* top = top_.load(memory_order_acquire);
    while (top != nullptr &&
           !top_.compare_exchange_strong(top, top->next.load(memory_order_relaxed),
                                         memory_order_acq_rel, memory_order_acquire)) {
    }
    return top;
  }

 private:
  model_atomic<cell*> top_{nullptr};
};

}  // namespace

TEST_CASE("the checker finds a race on plain data without a release or without an acquire") {
  finds("data race",
        [](execution& run) { hand_over(run, memory_order_relaxed, memory_order_acquire); });
  finds("data race",
        [](execution& run) { hand_over(run, memory_order_release, memory_order_relaxed); });
  passes([](execution& run) { hand_over(run, memory_order_release, memory_order_acquire); });
}

TEST_CASE("the checker finds that Peterson's lock needs sequential consistency") {
  finds("data race", [](execution& run) { peterson(run, memory_order_acq_rel); });
  passes([](execution& run) { peterson(run, memory_order_seq_cst); });
}

TEST_CASE("the checker finds a wake-up that is lost because nobody looks again") {
  finds("nobody can go on: consumer sleeps", [](execution& run) { sleeper(run, false); });
  passes([](execution& run) { sleeper(run, true); });
}

TEST_CASE("the checker finds that a naive stack takes one node twice when it comes back") {
  finds("twice", [](execution& run) {
    naive_stack stack;
    cell a(1);
    cell b(2);
    model_atomic<int> taken[3];
    run.name("stack", stack);
    run.name("a", a);
    run.name("b", b);
    stack.push(&b);
    stack.push(&a);
    const auto take = [&]() -> cell* {
      cell* const c = stack.pop();
      if (c != nullptr)
        run.require(taken[c->number].fetch_add(1, memory_order_acq_rel) == 0, "a node taken twice");
      return c;
    };
    run.start("slow", [&] { take(); });
    run.start("quick", [&] {
      cell* const first = take();
      take();
      if (first == nullptr) return;
      taken[first->number].fetch_sub(1, memory_order_acq_rel);
      stack.push(first);
    });
    run.join();
    while (take() != nullptr) {
    }
  });
}

TEST_CASE("the checker finds use after free") {
  finds("used after it was destroyed", [](execution& run) {
    auto* const c = make<cell>(1);
    model_atomic<bool> freed;
    run.start("owner", [&] {
      discard(c);
      freed.store(true, memory_order_release);
    });
    while (!freed.load(memory_order_acquire)) run.yield();
    (void)c->next.load(memory_order_relaxed);
    run.join();
  });
}

TEST_CASE("the checker finds that a freed node may still be in use") {
  finds("destroyed while another thread may be using it", [](execution& run) {
    auto* const c = make<cell>(1);
    model_atomic<bool> read;
    run.start("reader", [&] {
      (void)c->next.load(memory_order_relaxed);
      read.store(true, memory_order_relaxed);
    });
    while (!read.load(memory_order_relaxed)) run.yield();
    discard(c);
    run.join();
  });
}

TEST_CASE("the checker finds a node that is freed twice") {
  finds("freed twice", [](execution& run) {
    void* const memory = run.allocate(16);
    run.start("one", [&] { run.deallocate(memory); });
    run.start("other", [&] { run.deallocate(memory); });
    run.join();
  });
}

TEST_CASE("the checker finds a node that nobody frees") {
  finds("leak: 1 nodes", [](execution& run) {
    (void)make<cell>(1);
    run.join();
  });
}

TEST_CASE("the checker finds a program that never ends") {
  finds("does not end", [](execution& run) {
    model_atomic<int> x;
    run.start("loop", [&] {
      while (x.load(memory_order_relaxed) == 0) {
      }
    });
    run.join();
  });
}

TEST_CASE("the checker finds a thread that spins for nothing") {
  finds("waiter spins", [](execution& run) {
    model_atomic<int> x;
    run.start("waiter", [&] {
      while (x.load(memory_order_relaxed) == 0) run.yield();
    });
    run.join();
  });
}

TEST_CASE("a sleep with a limit ends when nobody can do anything else") {
  passes([](execution& run) {
    model_atomic<std::uint32_t> word;
    run.start("sleeper", [&] { model_sync::sleep(word, 0, std::chrono::milliseconds(2)); });
    run.join();
  });
}

TEST_CASE("what goes wrong is told as a list of who did what") {
  const findings found = explore({}, [](execution& run) {
    model_atomic<int> flag;
    run.name("flag", flag);
    run.start("setter", [&] { flag.store(1, memory_order_release); });
    run.join();
    run.require(flag.load() == 0, "the flag is set");
  });
  CHECK(found.failure == "the flag is set");
  CHECK_THAT(found.trace, matchers::ContainsSubstring("setter") &&
                              matchers::ContainsSubstring("stores 1 release") &&
                              matchers::ContainsSubstring("checker_test.cpp:"));
}
