#include "cluster/outbound_queue.hpp"
#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using troupe::net::internal::outbound_queue;

namespace {

struct frame {
  frame(int sender, int place, std::size_t size) : from(sender), number(place), bytes(size) {}
  model_var<frame*> next{nullptr};
  model_var<int> from;
  model_var<int> number;
  std::size_t bytes;
};

// The queue of one node with its executor, which comes when it is told to.
class model_node {
 public:
  using queue = outbound_queue<model_sync, frame>;
  model_node(execution& run, queue::limits most) : run_(run), most_(most) {
    run.name("queue", queue_);
    run.name("posted", posted_);
  }
  void push(int sender, int number, std::size_t bytes) {
    if (queue_.push(make<frame>(sender, number, bytes), most_))
      posted_.fetch_add(1, std::memory_order_release);
  }
  // Until it has sent so many; sleeps for ever if it is not told of one.
  void execute(int all) {
    int handled = 0;
    for (int seen = 0; seen < all;) {
      while (posted_.load(std::memory_order_acquire) == handled) run_.yield();
      ++handled;
      seen += flush();
    }
  }
  int flush(bool done = true) {
    int count = 0;
    queue::departures gone(queue_);
    for (frame* f = queue_.take_all(); f != nullptr; ++count) {
      frame* const taken = f;
      f = taken->next;
      run_.require(taken->number == last_[taken->from] + 1, "a frame is missing or out of order");
      last_[taken->from] = taken->number;
      if (done) gone.add(*taken);
      discard(taken);
    }
    overflowed_ = queue_.take_overflow() || overflowed_;
    return count;
  }
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  void forget_overflow() { overflowed_ = false; }

 private:
  execution& run_;
  queue::limits most_;
  queue queue_;
  model_atomic<int> posted_{0};
  int last_[3] = {};
  model_var<bool> overflowed_{false};
};

}  // namespace

TEST_CASE("the executor hears of every frame that waits to be sent") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    model_node node(run, {.items = 8, .bytes = 800});
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        for (int i = 1; i <= 2; ++i) node.push(sender, i, 100);
      });
    run.start("executor", [&] { node.execute(4); });
    run.join();
    run.require(!node.overflowed(), "too much was counted");
  });
}

TEST_CASE("a flush that takes a frame above the limits knows that they were passed") {
  always(without_bound, [](execution& run) {
    model_node node(run, {.items = 1, .bytes = 800});
    int taken = 0;  // of the executor: none is done, so the second is above the limits
    const auto flush = [&] {
      taken += node.flush(false);
      run.require(node.overflowed() || taken < 2, "its limits were passed unnoticed");
    };
    run.start("sender", [&] {
      node.push(1, 1, 100);
      node.push(1, 2, 100);
    });
    run.start("executor", [&] {
      flush();
      flush();
    });
    run.join();
    flush();
  });
}

TEST_CASE("frames that were sent or given up make room for as many and as large ones") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    model_node node(run, {.items = 2, .bytes = 200});
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        for (int i = 1; i <= 2; ++i) node.push(sender, i, 100);
      });
    run.start("executor", [&] { node.flush(); });
    run.join();
    node.flush();
    node.forget_overflow();
    node.push(1, 3, 100);
    node.push(2, 3, 100);
    node.flush();
    run.require(!node.overflowed(), "room was lost");
  });
}
