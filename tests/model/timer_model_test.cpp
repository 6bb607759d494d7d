#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "runtime/timer_claim.hpp"
#include "support/catch.hpp"

#include <array>

using namespace troupe::model;
using troupe::internal::timer_claim;
using troupe::internal::timer_state;
using troupe::internal::timer_transfers;

namespace {

struct payload {
  model_var<int> value{1};
};

struct model_timer : timer_claim<model_sync> {
  model_var<model_timer*> run_link{nullptr};
  model_var<bool> in_wheel{false};
  model_var<payload*> node{nullptr};  // of whoever claims the timer
};

void let_go(model_timer* t) {
  if (!t->let_go()) return;
  if (t->node != nullptr) discard(static_cast<payload*>(t->node));
  discard(t);
}

// The owner's side: timer_wheel without time, which fires whatever is armed.
class model_wheel {
 public:
  timer_transfers<model_sync, model_timer> transfers;

  explicit model_wheel(execution& run) : run_(run) { run.name("transfers", transfers); }
  void arm(model_timer& t) {
    t.in_wheel = true;
    place(&t);
  }
  void remove(model_timer& t) {
    if (!t.in_wheel) return;
    t.in_wheel = false;
    forget(&t);
    let_go(&t);
  }
  // How many fired.
  int fire() {
    if (!transfers.empty()) transfers.accept(*this);
    int fired = 0;
    for (model_timer*& t : armed_) {
      if (t == nullptr) continue;
      model_timer* const due = std::exchange(t, nullptr);
      due->in_wheel = false;
      if (due->claim(timer_state::fired)) {
        ++fired;
        payload* const sent = due->node;
        due->node = nullptr;
        sent->value = sent->value + 1;
        discard(sent);
      }
      let_go(due);
    }
    return fired;
  }
  // At the end of the system.
  void close() {
    transfers.accept(*this);
    for (model_timer*& t : armed_)
      if (t != nullptr) {
        run_.require(t->armed(), "a timer that was cancelled stays in the wheel");
        let_go(std::exchange(t, nullptr));
      }
  }

 private:
  void place(model_timer* t) {
    for (model_timer*& free : armed_)
      if (free == nullptr) {
        free = t;
        return;
      }
  }
  void forget(const model_timer* t) {
    for (model_timer*& entry : armed_)
      if (entry == t) entry = nullptr;
  }
  execution& run_;
  std::array<model_timer*, 2> armed_{};
};

model_timer* new_timer() {
  auto* const t = make<model_timer>();
  t->node = make<payload>();
  return t;
}

// As disarm does from a worker that the wheel is not of.
bool cancel(model_wheel& at, model_timer* t) {
  const bool cancelled = t->claim(timer_state::cancelled);
  if (cancelled) {
    payload* const unsent = t->node;
    t->node = nullptr;
    unsent->value = unsent->value + 1;
    discard(unsent);
    at.transfers.recall(*t);
  }
  return cancelled;
}

struct way {
  int processes = 1;
  bool armed_before = true;
  bool due = true;  // else the owner of the wheel only takes in what others transfer
};

void race(execution& run, const way& how) {
  const auto [processes, armed_before, due] = how;
  model_wheel wheel(run);
  model_atomic<int> cancelled;
  model_var<int> fired{0};
  std::array<model_timer*, 2> given{};
  if (armed_before)
    for (int i = 0; i < processes; ++i) {
      given[static_cast<std::size_t>(i)] = new_timer();
      wheel.arm(*given[static_cast<std::size_t>(i)]);
    }
  run.start("wheel", [&, fires = due] {
    for (int i = 0; i < 2; ++i)
      if (fires)
        fired = fired + wheel.fire();
      else
        wheel.transfers.accept(wheel);
  });
  for (int i = 0; i < processes; ++i)
    run.start(i == 0 ? "process 1" : "process 2", [&, i] {
      model_timer* t = given[static_cast<std::size_t>(i)];
      if (t == nullptr) {
        t = new_timer();
        wheel.transfers.put(*t);
      }
      if (cancel(wheel, t)) cancelled.fetch_add(1, std::memory_order_relaxed);
      let_go(t);
    });
  run.join();
  wheel.close();
  run.require(fired + cancelled.load() == processes, "a timer was not either fired or cancelled");
}

}  // namespace

TEST_CASE("a timer that its wheel fires while another worker cancels it does one of the two") {
  always(without_bound, [](execution& run) { race(run, {.armed_before = true}); });
}

TEST_CASE("a timer armed from afar and cancelled at once is fired or cancelled and freed once") {
  always(without_bound, [](execution& run) { race(run, {.armed_before = false}); });
}

TEST_CASE("a timer that is cancelled before it is due does not stay in a foreign wheel") {
  always(without_bound, [](execution& run) { race(run, {.armed_before = false, .due = false}); });
  always(without_bound, [](execution& run) { race(run, {.armed_before = true, .due = false}); });
}

TEST_CASE("two processes that arm and cancel in one foreign wheel do not disturb one another") {
  always({.preemptions = 2, .deep_preemptions = 3},
         [](execution& run) { race(run, {.processes = 2, .armed_before = false}); });
}

TEST_CASE("two processes that cancel in one foreign wheel do not disturb one another") {
  always({.preemptions = 3, .deep_preemptions = 4},
         [](execution& run) { race(run, {.processes = 2, .armed_before = true}); });
}

TEST_CASE("who lets go of a timer last sees what the other holder did with it") {
  always(without_bound, [](execution& run) {
    model_timer* const t = new_timer();
    const auto holder = [&] {
      // Whoever is not the last has done with the node before.
      if (t->claim(timer_state::fired)) {
        payload* const sent = t->node;
        t->node = nullptr;
        discard(sent);
      }
      let_go(t);
    };
    run.start("one", holder);
    run.start("other", holder);
    run.join();
  });
}
