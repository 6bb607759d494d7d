#include "runtime/parking.hpp"

#include "model/crew.hpp"
#include "model/explore.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using troupe::internal::parker;
constexpr auto no_limit = std::chrono::nanoseconds::max();

TEST_CASE("an unpark is not lost and shows the sleeper what was done before it") {
  always(without_bound, [](execution& run) {
    parker<model_sync> bed;
    model_atomic<bool> ready;
    run.name("bed", bed);
    run.start("sleeper", [&] {
      while (!ready.load(std::memory_order_relaxed)) bed.park(no_limit);
    });
    run.start("waker", [&] {
      ready.store(true, std::memory_order_relaxed);
      bed.unpark();
    });
    run.join();
  });
}

TEST_CASE(
    "of a sleeper and its waker the one who comes second to the token sees the other's news") {
  always(without_bound, [](execution& run) {
    parker<model_sync> bed;
    model_atomic<bool> elsewhere;
    bool token = false;
    bool seen = false;
    run.start("sleeper", [&] {
      elsewhere.store(true, std::memory_order_relaxed);
      token = bed.consume();
    });
    run.start("waker", [&] {
      bed.unpark();
      seen = elsewhere.load(std::memory_order_relaxed);
    });
    run.join();
    run.require(token || seen, "neither sees the other");
  });
}

TEST_CASE("work submitted while the last worker falls asleep is not forgotten") {
  always({.preemptions = 4, .deep_preemptions = 6}, [](execution& run) {
    crew<queues> c(run, {.workers = 1, .tasks = 2});
    std::array<task, 2> tasks;
    for (task& t : tasks) t.run = [&](std::size_t) { c.done(); };
    c.start();
    run.start("outside", [&] {
      c.submit(tasks[0]);
      c.submit(tasks[1]);
    });
    run.join();
  });
}

TEST_CASE("work that one worker has queued wakes another") {
  // The first task is not over before another worker has run the second.
  always({.preemptions = 1, .deep_preemptions = 2}, [](execution& run) {
    crew<queues> c(run, {.workers = 2, .tasks = 2});
    model_atomic<bool> second_done;
    std::array<task, 2> tasks;
    tasks[0].run = [&](std::size_t) {
      while (!second_done.load(std::memory_order_acquire)) run.yield();
      c.done();
    };
    tasks[1].run = [&](std::size_t) {
      second_done.store(true, std::memory_order_release);
      c.done();
    };
    c.start();
    run.start("outside", [&] {
      c.submit(tasks[0]);
      c.submit(tasks[1]);
    });
    run.join();
  });
}

TEST_CASE("a worker that woke by itself does not hide work from those who would wake it") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 1, .tasks = 2});
    model_poller sockets;
    run.name("poller", sockets);
    c.resting.attach(sockets);
    std::array<task, 2> tasks;
    for (task& t : tasks) t.run = [&](std::size_t) { c.done(); };
    tasks[1].number = 1;
    c.start();
    run.start("network", [&] { sockets.happen(); });
    run.start("outside 1", [&] { c.submit(tasks[0]); });
    run.start("outside 2", [&] { c.submit(tasks[1]); });
    run.join();
  });
}

TEST_CASE("two tasks from two threads wake two workers and a third one is not forgotten") {
  always({.preemptions = 0, .deep_preemptions = 1}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 2, .tasks = 3});
    model_atomic<int> started;
    std::array<task, 3> tasks;
    for (std::size_t i = 0; i < 3; ++i) tasks[i].number = i;
    for (std::size_t i = 0; i < 2; ++i)
      tasks[i].run = [&](std::size_t) {
        started.fetch_add(1);
        while (started.load() < 2) run.yield();
        c.done();
      };
    tasks[2].run = [&](std::size_t) { c.done(); };
    c.start();
    run.start("outside 1", [&] { c.submit(tasks[0]); });
    run.start("outside 2", [&] {
      c.submit(tasks[1]);
      while (started.load() < 2) run.yield();
      c.submit(tasks[2]);
    });
    run.join();
  });
}

TEST_CASE("a process behind one that computes for long is taken over and so is the next") {
  always({.preemptions = 2, .deep_preemptions = 2}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 2, .tasks = 4, .next_slots = true});
    model_atomic<int> over;
    std::array<task, 2> busy;
    std::array<task, 2> stuck;
    for (std::size_t i = 0; i < 2; ++i) {
      stuck[i].number = i;
      stuck[i].run = [&](std::size_t) {
        over.fetch_add(1);
        c.done();
      };
    }
    // The first does not wait, so that the worker on watch may come for nothing.
    busy[0].run = [&](std::size_t worker) {
      c.wake(worker, stuck[0]);
      c.done();
    };
    busy[1].number = 2;
    busy[1].run = [&](std::size_t worker) {
      c.wake(worker, stuck[1]);
      while (over.load() < 2) run.yield();
      c.done();
    };
    c.give(0, busy[0]);
    c.start();
    run.start("outside", [&] {
      while (over.load() < 1) run.yield();
      c.submit(busy[1]);
    });
    run.join();
  });
}

TEST_CASE("a process that waits for one behind it and then for another has both taken over") {
  always({.preemptions = 1, .deep_preemptions = 2}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 2, .tasks = 4, .next_slots = true});
    model_atomic<int> over;
    task busy;
    task quick;
    std::array<task, 2> stuck;
    for (std::size_t i = 0; i < 2; ++i) {
      stuck[i].number = i;
      stuck[i].run = [&](std::size_t) {
        over.fetch_add(1, std::memory_order_relaxed);
        c.done();
      };
    }
    busy.run = [&](std::size_t worker) {
      for (int i = 0; i < 2; ++i) {
        c.wake(worker, stuck[static_cast<std::size_t>(i)]);
        while (over.load(std::memory_order_relaxed) <= i) run.yield();
      }
      c.done();
    };
    quick.number = 2;
    quick.run = [&](std::size_t) { c.done(); };
    c.give(0, busy);
    c.start();
    run.start("outside", [&] { c.submit(quick); });
    run.join();
  });
}

TEST_CASE("what happens in the poller is handled while there are idle workers") {
  always({.preemptions = 1, .deep_preemptions = 2}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 2, .tasks = 2});
    model_atomic<int> handled;
    auto* const sockets = make<model_poller>();
    const auto network = [&] {
      for (int i = 0; i < 2; ++i) {
        sockets->happen();
        while (handled.load() == i) run.yield();
      }
    };
    sockets->handle = [&] {
      handled.fetch_add(1);
      c.done();
    };
    c.start();
    run.start("outside", [&] {
      c.resting.attach(*sockets);
      network();
    });
    run.join();
    discard(sockets);
  });
}

TEST_CASE("a poller made while workers run is complete for who sleeps in it and who wakes them") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 1, .tasks = 1});
    model_poller* sockets = nullptr;
    task only;
    only.run = [&](std::size_t) { c.done(); };
    c.start();
    run.start("attacher", [&] {
      sockets = make<model_poller>();
      c.resting.attach(*sockets);
    });
    run.start("outside", [&] { c.submit(only); });
    run.join();
    discard(sockets);
  });
}

TEST_CASE("when all workers but one are busy for long that one is in the poller") {
  always({.preemptions = 0, .deep_preemptions = 1}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 3, .tasks = 3});
    model_poller sockets;
    run.name("poller", sockets);
    model_atomic<int> handled;
    std::array<task, 2> busy;
    sockets.handle = [&] {
      handled.fetch_add(1);
      c.done();
    };
    for (std::size_t i = 0; i < 2; ++i) {
      busy[i].number = i;
      busy[i].run = [&](std::size_t) {
        while (handled.load() == 0) run.yield();
        c.done();
      };
    }
    c.resting.attach(sockets);
    c.start();
    run.start("outside", [&] {
      c.submit(busy[0]);
      c.submit(busy[1]);
      sockets.happen();
    });
    run.join();
  });
}

TEST_CASE("a stop wakes all workers wherever they sleep and the first to stop knows it") {
  always({.preemptions = 1, .deep_preemptions = 2}, [](execution& run) {
    crew<bits_of_tasks> c(run, {.workers = 2, .tasks = 0});
    model_poller sockets;
    model_atomic<int> first;
    c.resting.attach(sockets);
    c.start();
    for (const char* const name : {"outside 1", "outside 2"})
      run.start(name, [&] {
        if (c.resting.stop()) first.fetch_add(1);
      });
    run.join();
    run.require(first.load() == 1, "not one was the first");
  });
}
