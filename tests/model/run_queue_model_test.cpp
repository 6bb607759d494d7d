#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "runtime/run_queue.hpp"
#include "support/catch.hpp"

#include <array>

using namespace troupe::model;
using troupe::internal::run_queue;

namespace {

struct task {
  model_var<int> takers{0};  // plain: whoever takes it owns it
};

template <std::size_t Count>
struct tasks {
  std::array<task, Count> all;
  run_queue<model_sync, task> queue;

  tasks(execution& run, std::size_t capacity) : queue(capacity) { run.name("queue", queue); }
  bool take() {
    task* const t = queue.take();
    if (t != nullptr) t->takers = t->takers + 1;
    return t != nullptr;
  }
  // Once all threads have ended.
  void check(execution& run) {
    while (take()) {
    }
    for (const task& t : all) run.require(t.takers == 1, "a task was not taken exactly once");
    run.require(queue.size() == 0, "an empty queue has a size");
  }
};

}  // namespace

TEST_CASE("each item of a run queue is taken once by its owner or one of two thieves") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    tasks<3> t(run, 4);
    run.start("owner", [&] {
      for (task& each : t.all) each.takers = 0, t.queue.push(&each);
      t.take();
    });
    run.start("thief 1", [&] { t.take(); });
    run.start("thief 2", [&] { t.take(), t.take(); });
    run.join();
    t.check(run);
  });
}

TEST_CASE("a run queue that grows under its thieves loses nothing") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    tasks<4> t(run, 1);
    run.start("owner", [&] {
      for (task& each : t.all) each.takers = 0, t.queue.push(&each);
      t.take();
    });
    run.start("thief", [&] { t.take(), t.take(); });
    run.join();
    t.check(run);
  });
}

TEST_CASE("a run queue of one place is used again only once its item is taken") {
  always(without_bound, [](execution& run) {
    tasks<2> t(run, 1);
    run.start("owner", [&] {
      for (task& each : t.all) each.takers = 0, t.queue.push(&each);
    });
    run.start("thief", [&] { t.take(); });
    run.join();
    t.check(run);
  });
}
