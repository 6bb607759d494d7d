#include <troupe/push_list.hpp>

#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using troupe::internal::push_list;

namespace {

struct item {
  item(int thread, int place) : from(thread), number(place) {}
  model_var<item*> link{nullptr};
  model_var<int> from;
  model_var<int> number;
};
using list = push_list<model_sync, item, &item::link>;

// Takes all; of each sender in order.
int take(execution& run, list& from, int (&last)[3]) {
  int count = 0;
  for (item* i = from.take_all(); i != nullptr; ++count) {
    item* const taken = i;
    i = taken->link;
    run.require(taken->number > last[taken->from], "out of order");
    last[taken->from] = taken->number;
    discard(taken);
  }
  return count;
}

}  // namespace

TEST_CASE("what two threads push to a list two others take once and in order") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    list shared;
    run.name("list", shared);
    model_atomic<int> taken;
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        for (int i = 1; i <= 2; ++i) shared.push(make<item>(sender, i));
      });
    for (const char* const name : {"taker 1", "taker 2"})
      run.start(name, [&] {
        int last[3] = {};
        taken.fetch_add(take(run, shared, last), std::memory_order_relaxed);
      });
    run.join();
    int last[3] = {};
    run.require(taken.load() + take(run, shared, last) == 4, "an item was lost");
  });
}

TEST_CASE("whoever finds a list empty is told so") {
  always(without_bound, [](execution& run) {
    list shared;
    run.name("list", shared);
    model_atomic<int> told;
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        for (int i = 1; i <= 2; ++i)
          if (shared.push(make<item>(sender, i))) told.fetch_add(1, std::memory_order_relaxed);
      });
    run.join();
    run.require(told.load() == 1, "not exactly one was to have it emptied");
    int last[3] = {};
    run.require(take(run, shared, last) == 4, "an item was lost");
  });
}
