#include <troupe/connection_end.hpp>
#include <troupe/push_list.hpp>

#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;

namespace {

struct signal {
  model_var<signal*> next{nullptr};
};
using queue = troupe::internal::push_list<model_sync, signal, &signal::next>;

int take(queue& from) {
  int count = 0;
  for (signal* s = from.take_all(); s != nullptr; ++count) {
    signal* const taken = s;
    s = taken->next;
    discard(taken);
  }
  return count;
}

}  // namespace

TEST_CASE("what was sent before a connection was seen to be over is there when its end looks") {
  always(without_bound, [](execution& run) {
    queue waits;
    troupe::internal::basic_connection_end<model_sync> end;
    run.name("queue", waits);
    run.name("end", end);
    bool in_time = false;
    int found = 0;
    run.start("process", [&] {
      waits.push(make<signal>());
      in_time = !end.has_come();
    });
    run.start("executor", [&] {
      end.come();
      found = take(waits);
    });
    run.join();
    run.require(!in_time || found == 1, "a signal of the connection waits for the next one");
    found += take(waits);
  });
}
