#include "platform/batch_depot.hpp"

#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;

namespace {

struct item {
  explicit item(int number) : value(number) {}
  model_var<int> value;
};

}  // namespace

TEST_CASE("what is put into a depot is taken once and whole or refused") {
  always(without_bound, [](execution& run) {
    troupe::internal::batch_depot<model_sync, item, 1> depot;
    run.name("depot", depot);
    model_atomic<int> sum;
    const auto take = [&] {
      if (item* const found = depot.take()) {
        sum.fetch_add(found->value, std::memory_order_relaxed);
        discard(found);
      }
    };
    for (const int number : {1, 2})
      run.start(number == 1 ? "putter 1" : "putter 2", [&, number] {
        item* const made = make<item>(number);
        if (depot.put(made)) return;
        sum.fetch_add(made->value, std::memory_order_relaxed);
        discard(made);
      });
    run.start("taker", take);
    run.join();
    take();
    run.require(sum.load() == 3, "an item was lost or taken twice");
  });
}
