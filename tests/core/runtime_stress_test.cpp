// The lock-free parts and the tables, each alone under real threads: what they promise, counted.
// Strongest under ThreadSanitizer.
#include "core/support.hpp"

#include "core/manual_clock.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/name_table.hpp"
#include "runtime/process_table.hpp"
#include "runtime/run_queue.hpp"
#include "runtime/worker_pool.hpp"

#include <barrier>
#include <condition_variable>
#include <random>

using namespace troupe_test;
using troupe::context;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::internal::mailbox;
using troupe::internal::message_node;
using troupe::internal::name_table;
using troupe::internal::process_slot;
using troupe::internal::process_table;
using troupe::internal::push_list;
using troupe::internal::push_result;
using troupe::internal::run_queue;
using troupe::internal::slot_cache;
using troupe::internal::std_sync;

namespace {

struct parcel {
  int producer;
  int number;
};
struct addressed {
  pid to;
};

parcel take(message_node* node) {
  const parcel p = *static_cast<parcel*>(node->payload());
  troupe::internal::release(node);
  return p;
}

// Runs f(0) .. f(count - 1) on threads of their own that begin together.
template <class F>
void in_parallel(int count, F f) {
  std::barrier start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      f(i);
    });
  for (auto& t : threads) t.join();
}

}  // namespace

// --- mailbox ---

TEST_CASE(
    "all that many producers push arrives once, in each one's order, and each idle time wakes") {
  constexpr int producers = 4, each = 20'000;
  constexpr std::uint32_t generation = 0x8000'0007;  // its low bits are its tag
  mailbox<std_sync> mail;
  mail.open(generation);
  // As the scheduler does: who is told `woken` hands the process to the consumer, once.
  std::atomic<int> wakes{1};
  message_node* handed_over = nullptr;
  std::array<int, producers> next{};
  int wrong = 0, idles = 0;
  in_parallel(producers + 1, [&](int i) {
    if (i < producers) {
      for (int n = 0; n < each; ++n) {
        auto* node = troupe::internal::make_node<parcel>(i, n);
        switch (mail.push(node, generation)) {
          case push_result::woken:
            handed_over = node;
            wakes.fetch_add(1, std::memory_order_release);
            break;
          case push_result::pushed: break;
          case push_result::refused: troupe::internal::release(node); break;
        }
      }
      return;
    }
    for (int taken = 0; taken < producers * each;) {
      if (wakes.load(std::memory_order_acquire) == 0) {
        std::this_thread::yield();
        continue;
      }
      if (wakes.fetch_sub(1, std::memory_order_acquire) != 1) ++wrong;  // scheduled twice at once
      do {
        message_node* list = std::exchange(handed_over, nullptr);
        if (list == nullptr) list = mail.take_all();
        while (list != nullptr) {
          message_node* const node = std::exchange(list, list->next);
          const parcel p = take(node);
          if (p.number != next[static_cast<std::size_t>(p.producer)]++) ++wrong;
          ++taken;
        }
      } while (!mail.try_idle());
      ++idles;
    }
  });
  CHECK(wrong == 0);
  CHECK(idles >= 1);
  for (const int n : next) CHECK(n == each);
}

TEST_CASE("a push that races with the end of a process is delivered to it or refused, never lost") {
  constexpr int producers = 3, each = 20'000;
  mailbox<std_sync> mail;
  std::atomic<std::uint32_t> generation{1};
  mail.open(1);
  std::atomic<int> refused{0}, wrong{0}, at_work{producers};
  int delivered = 0;
  const auto drain = [&](message_node* list, std::uint32_t of) {
    while (list != nullptr) {
      const parcel p = take(std::exchange(list, list->next));
      if (static_cast<std::uint32_t>(p.number) != of) ++wrong;
      ++delivered;
    }
  };
  in_parallel(producers + 1, [&](int i) {
    if (i < producers) {
      for (int n = 0; n < each; ++n) {
        const std::uint32_t of = generation.load(std::memory_order_acquire);
        auto* node = troupe::internal::make_node<parcel>(i, static_cast<int>(of));
        if (mail.push(node, of) != push_result::refused) continue;
        troupe::internal::release(node);
        ++refused;
      }
      --at_work;
      return;
    }
    for (std::uint32_t of = 1;; of += 2) {
      drain(mail.take_all(), of);
      drain(mail.close(of + 1), of);
      if (at_work.load() == 0) break;
      generation.store(of + 2, std::memory_order_release);
      mail.open(of + 2);
    }
  });
  CHECK(wrong == 0);
  CHECK(delivered + refused == producers * each);
}

// --- run queue ---

namespace {
struct item {
  std::atomic<int> taken{0};
  int payload = 0;  // plain: the queue publishes it
  item* run_link = nullptr;
};
}  // namespace

TEST_CASE(
    "each item of a run queue is taken exactly once, by its owner or a thief, while it grows") {
  constexpr int thieves = 3, count = 300'000;
  std::vector<item> items(count);
  run_queue<std_sync, item> queue;
  std::atomic<int> taken{0}, wrong{0};
  const auto take_one = [&] {
    item* const i = queue.take();
    if (i == nullptr) return false;
    if (i->payload != static_cast<int>(i - items.data()) + 1) ++wrong;
    if (i->taken.fetch_add(1) != 0) ++wrong;
    ++taken;
    return true;
  };
  in_parallel(thieves + 1, [&](int who) {
    if (who > 0) {
      while (taken.load() < count)
        if (!take_one()) std::this_thread::yield();
      return;
    }
    std::mt19937 random(5);
    for (int i = 0; i < count;) {
      // Bursts that outgrow the ring, and phases in which the owner keeps it empty.
      for (auto burst = random() % 1500; burst > 0 && i < count; --burst, ++i) {
        items[static_cast<std::size_t>(i)].payload = i + 1;
        queue.push(&items[static_cast<std::size_t>(i)]);
      }
      for (auto own = random() % 700; own > 0; --own) take_one();
    }
    while (taken.load() < count)
      if (!take_one()) std::this_thread::yield();
  });
  CHECK(wrong == 0);
  CHECK(taken == count);
  CHECK(queue.take() == nullptr);
  CHECK(queue.size() == 0);
}

TEST_CASE("a run queue gives its items in the order in which they came, across growth") {
  std::vector<item> items(5'000);
  run_queue<std_sync, item> queue;
  std::size_t pushed = 0, taken = 0;
  bool in_order = true;
  for (std::size_t burst = 1; pushed < items.size(); burst = burst * 3 / 2 + 1) {
    for (std::size_t i = 0; i < burst && pushed < items.size(); ++i) queue.push(&items[pushed++]);
    for (std::size_t i = 0; i < burst / 3; ++i) in_order &= queue.take() == &items[taken++];
    CHECK(queue.size() == pushed - taken);
  }
  while (taken < items.size()) in_order &= queue.take() == &items[taken++];
  CHECK(in_order);
}

TEST_CASE("each item of a push list is taken exactly once and in the order of each submitter") {
  constexpr int submitters = 3, takers = 2, each = 60'000;
  std::vector<item> items(submitters * each);
  push_list<std_sync, item, &item::run_link> queue;
  std::atomic<int> taken{0}, wrong{0};
  in_parallel(submitters + takers, [&](int who) {
    if (who < submitters) {
      for (int n = 0; n < each; ++n) {
        item& i = items[static_cast<std::size_t>(who * each + n)];
        i.payload = n + 1;
        queue.push(&i);
      }
      return;
    }
    std::array<int, submitters> last{};
    while (taken.load() < submitters * each) {
      item* list = queue.take_all();
      if (list == nullptr) std::this_thread::yield();
      while (list != nullptr) {
        item* const i = std::exchange(list, list->run_link);
        if (i->taken.fetch_add(1) != 0) ++wrong;
        int& before = last[static_cast<std::size_t>((i - items.data()) / each)];
        if (i->payload <= before) ++wrong;
        before = i->payload;
        ++taken;
      }
    }
  });
  CHECK(wrong == 0);
  CHECK(queue.empty());
}

// --- process table ---

namespace {

// What a spawner and the end of a process do to a slot, without a process.
pid begin_life(process_table& table, process_slot& slot) {
  const std::uint32_t next = slot.generation.load(std::memory_order_relaxed) + 1;
  slot.generation.store(next, std::memory_order_release);
  slot.mail.open(next);
  return table.id_of(slot);
}
message_node* end_life(process_slot& slot, pid id) {
  slot.generation.store(id.generation() + 1, std::memory_order_release);
  return slot.mail.close(id.generation() + 1);
}

}  // namespace

TEST_CASE("a message to a pid of the past never arrives at who has its slot now") {
  // Few slots, so that each is used thousands of times; without caches and with them.
  for (const std::size_t capacity : {std::size_t{16}, process_table::least_to_cache}) {
    INFO("capacity " << capacity);
    constexpr int lives = 20'000, threads = 4;
    process_table table(capacity);
    std::array<std::atomic<std::uint64_t>, 64> known{};  // pids, of the living and of the dead
    std::atomic<int> sent{0}, arrived{0}, refused{0}, wrong{0};
    in_parallel(threads, [&](int seed) {
      std::mt19937 random(static_cast<unsigned>(seed));
      slot_cache cache;
      for (int life = 0; life < lives; ++life) {
        process_slot& slot = table.take(cache);
        const pid self = begin_life(table, slot);
        if (table.find(self) != &slot) ++wrong;
        known[random() % known.size()].store(self.id, std::memory_order_release);
        for (int n = 0; n < 8; ++n) {
          const pid to{0, known[random() % known.size()].load(std::memory_order_acquire)};
          auto* node = troupe::internal::make_node<addressed>(to);
          ++sent;
          process_slot* const target = table.find(to);
          if (target != nullptr && target->mail.push(node, to.generation()) != push_result::refused)
            continue;
          troupe::internal::release(node);
          ++refused;
        }
        for (message_node* list = end_life(slot, self); list != nullptr;) {
          message_node* const node = std::exchange(list, list->next);
          if (static_cast<addressed*>(node->payload())->to != self) ++wrong;
          troupe::internal::release(node);
          ++arrived;
        }
        if (table.find(self) != nullptr) ++wrong;
        table.put(slot, cache);
      }
    });
    CHECK(wrong == 0);
    CHECK(sent == arrived + refused);
    CHECK(arrived > 0);
    CHECK(refused > 0);
    table.each([](pid p) { FAIL("still alive: " << to_string(p)); });
  }
}

TEST_CASE("a slot is never given to two at once, and a full table gives back what was freed") {
  constexpr int threads = 4;
  process_table table(64);
  std::array<std::atomic<int>, 64> owners{};
  std::atomic<int> wrong{0}, full{0};
  in_parallel(threads, [&](int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    slot_cache cache;
    std::vector<process_slot*> mine;
    for (int step = 0; step < 100'000; ++step) {
      if (random() % 2 == 0) {
        try {
          process_slot& slot = table.take(cache);
          if (owners[table.id_of(slot).slot()].fetch_add(1) != 0) ++wrong;
          mine.push_back(&slot);
        } catch (const std::runtime_error&) {
          ++full;
        }
      } else if (!mine.empty()) {
        process_slot& slot = *mine.back();
        mine.pop_back();
        owners[table.id_of(slot).slot()].fetch_sub(1);
        table.put(slot, cache);
      }
    }
    for (process_slot* slot : mine) {
      owners[table.id_of(*slot).slot()].fetch_sub(1);
      table.put(*slot, cache);
    }
  });
  CHECK(wrong == 0);
  slot_cache cache;
  for (int i = 0; i < 64; ++i) (void)table.take(cache);  // none was lost
  CHECK_THROWS(table.take(cache));
}

TEST_CASE("a pid that no process has is found nowhere") {
  process_table table(100);
  CHECK(table.find({}) == nullptr);
  CHECK(table.find({0, std::uint64_t{1} << 32}) == nullptr);        // never used
  CHECK(table.find({0, std::uint64_t{1} << 32 | 101}) == nullptr);  // past the end
  CHECK(table.find({0, ~std::uint64_t{0}}) == nullptr);
  slot_cache cache;
  process_slot& slot = table.take(cache);
  const pid p = begin_life(table, slot);
  CHECK(table.find(p) == &slot);
  CHECK(table.find({0, p.id + (std::uint64_t{2} << 32)}) == nullptr);
  CHECK(table.find({0, p.id - (std::uint64_t{1} << 32)}) == nullptr);  // not a living generation
  (void)end_life(slot, p);
}

// --- names ---

TEST_CASE("of all who register a name at once one has it, and only the holder can remove it") {
  constexpr int threads = 4;
  const std::array<std::string, 3> names = {"a", "b", "a name that is not short"};
  name_table table;
  std::array<std::atomic<int>, 3> holders{};
  std::atomic<int> wrong{0}, won{0};
  in_parallel(threads, [&](int who) {
    std::mt19937 random(static_cast<unsigned>(who));
    const pid self{0, static_cast<std::uint64_t>(who) + 1};
    for (int step = 0; step < 10'000; ++step) {
      const std::size_t n = random() % names.size();
      const pid holder = table.add(names[n], self);
      if (holder) {
        if (holder == self) ++wrong;
        if (table.remove(names[n], self)) ++wrong;  // it is not ours
        continue;
      }
      ++won;
      if (holders[n].fetch_add(1) != 0) ++wrong;
      if (table.find(names[n]) != self) ++wrong;
      if (table.add(names[n], self) != self) ++wrong;
      holders[n].fetch_sub(1);
      if (!table.remove(names[n], self)) ++wrong;
    }
  });
  CHECK(wrong == 0);
  CHECK(won > 0);
  CHECK(table.size() == 0);
}

// --- workers ---

TEST_CASE("work from outside always wakes a sleeping worker: a thousand lone calls, one by one") {
  struct echo {
    using reply = int;
    int value;
  };
  // Between two calls all workers go to sleep, or are just about to.
  for (const std::size_t workers : {1u, 2u, 4u}) {
    checked_system sys({.workers = workers});
    const pid p = sys->spawn([](context self) -> process {
      for (;;) co_await self.receive([](troupe::request<echo> r) { r.reply(r->value); });
    });
    std::atomic<int> wrong{0};
    in_parallel(2, [&](int) {
      for (int i = 0; i < 1'000; ++i)
        if (sys->call(p, echo{i}, 30s) != i) ++wrong;
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("work that one process makes spreads over all workers, which sleep and wake meanwhile") {
  struct done {
    int value;
  };
  checked_system sys({.workers = 4});
  const int total = sys->run([](context self) -> task<int> {
    int sum = 0;
    for (int round = 0; round < 100; ++round) {
      for (int i = 0; i < 40; ++i)
        self.spawn(
            [](context me, pid to) -> process {
              for (int n = 0; n < 3; ++n) co_await me.yield();
              if (me.random() % 8 == 0) co_await me.sleep(1us);
              me.send(to, done{1});
            },
            self.id());
      for (int i = 0; i < 40; ++i) sum += (co_await self.receive<done>()).value;
    }
    co_return sum;
  });
  CHECK(total == 4000);
}

namespace {

// What idle workers wait in. It shows for how long one means to sleep there.
class watched_poller final : public troupe::poller {
 public:
  void poll(std::chrono::nanoseconds limit) noexcept override {
    if (limit == 0ns) return;
    std::unique_lock lock(mutex_);
    asleep_for_ = limit;
    changed_.notify_all();
    const auto woken = [this] { return interrupted_; };
    if (limit == troupe::infinity)
      changed_.wait(lock, woken);
    else
      (void)changed_.wait_for(lock, limit, woken);
    interrupted_ = false;
    asleep_for_ = 0ns;
  }
  void interrupt() noexcept override {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
  }
  // Waits until a worker sleeps for a time between these.
  void await_sleep(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asleep_for_ >= least && asleep_for_ <= most; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::nanoseconds asleep_for_{0};
  bool interrupted_ = false;
};

}  // namespace

TEST_CASE("when work ends the workers sleep without a limit: an idle system uses no processor") {
  for (const std::size_t workers : {1u, 3u}) {
    const auto poller = std::make_shared<watched_poller>();
    checked_system sys({.workers = workers});
    (void)troupe::internal::poller_of(sys->home(), [&] { return poller; });
    for (int round = 0; round < 5; ++round) {
      sys->run([](context self) -> task<> {
        for (int i = 0; i < 100; ++i) self.spawn(idler);
        co_await self.sleep(1us);
      });
      poller->await_sleep(troupe::infinity, troupe::infinity);
    }
  }
}

TEST_CASE("a worker with a timer sleeps until it is due at most, and without a limit after that") {
  const auto poller = std::make_shared<watched_poller>();
  const auto clock = std::make_shared<manual_clock>();
  checked_system sys({.workers = 1, .time = clock});
  (void)troupe::internal::poller_of(sys->home(), [&] { return poller; });
  const pid sleeper = sys->spawn([](context self) -> process { co_await self.sleep(1h); });
  poller->await_sleep(1ns, 1h + timer_tick);
  clock->advance(1h + timer_tick);
  sys->send(pid{}, 1);  // to nobody: it wakes nobody
  CHECK(sys->alive(sleeper));
  sys->run([](context) -> task<> { co_return; });  // the worker looks at the clock
  sys.await_counts({});
  poller->await_sleep(troupe::infinity, troupe::infinity);
}
