#include "runtime/next_slot.hpp"

#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using troupe::internal::next_slot;

namespace {

struct item {
  model_var<int> runs{0};  // plain: two takers at once are a race
};

void run_it(item* taken) {
  if (taken != nullptr) taken->runs = taken->runs + 1;
}

}  // namespace

TEST_CASE("what is put into a next-slot goes to its owner or to a thief and to one of them only") {
  always({.preemptions = 4, .deep_preemptions = 6}, [](execution& run) {
    next_slot<model_sync, item> slot;
    run.name("next", slot);
    std::array<item, 3> items;
    run.start("owner", [&] {
      run_it(slot.put(&items[0]));
      run_it(slot.put(&items[1]));
      run_it(slot.take());
      run_it(slot.put(&items[2]));
      run_it(slot.take());
    });
    run.start("thief", [&] { run_it(slot.steal()); });
    run.join();
    for (const item& i : items) run.require(i.runs == 1, "an item was lost, or taken twice");
  });
}

TEST_CASE("a thief that comes to a stuck owner gets what is there") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    next_slot<model_sync, item> slot;
    item only;
    model_atomic<bool> stolen;
    run.start("owner", [&] {
      slot.put(&only);
      while (!stolen.load(std::memory_order_relaxed)) run.yield();
      run.require(slot.take() == nullptr, "it is still there");
    });
    run.start("thief", [&] {
      item* taken = nullptr;
      while ((taken = slot.steal()) == nullptr) run.yield();
      run_it(taken);
      stolen.store(true, std::memory_order_relaxed);
    });
    run.join();
  });
}

TEST_CASE(
    "an owner that puts and a thief that looks after a barrier of theirs do not miss each other") {
  always(without_bound, [](execution& run) {
    next_slot<model_sync, item> slot;
    model_sync::lopsided_barrier between;
    model_atomic<bool> idle;
    item only;
    bool seen_idle = false;
    bool seen_item = false;
    run.start("owner", [&] {
      slot.put(&only);
      between.light();
      seen_idle = idle.load(std::memory_order_relaxed);
    });
    run.start("idle", [&] {
      idle.store(true, std::memory_order_relaxed);
      between.heavy();
      seen_item = !slot.empty();
    });
    run.join();
    run.require(seen_idle || seen_item, "neither sees the other");
  });
}
