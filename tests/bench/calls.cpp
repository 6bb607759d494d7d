#include <deque>

#include "workloads.hpp"

namespace bench {
namespace {

using troupe::context;
using troupe::infinity;
using troupe::pid;
using troupe::request;
using troupe::task;

struct echo {
  using reply = std::int64_t;
  std::int64_t number;
};
class echo_server : public troupe::server {
 public:
  using handles = troupe::messages<echo>;
  std::int64_t handle(echo asked) { return asked.number; }
};

// --- bounded buffer ------------------------------------------------------------------------------

struct put {
  using reply = void;
  std::int64_t item;
};
struct take {
  using reply = std::int64_t;
};
struct sum_of {
  std::int64_t items;
};

// Holds so many items; who finds it full, or empty, waits for the answer to the call.
class buffer : public troupe::server {
 public:
  using handles = troupe::messages<put, take>;
  explicit buffer(std::size_t limit) : limit_(limit) {}

  void handle(request<put> asked) {
    if (!takers_.empty()) {
      takers_.front().reply(asked->item);
      takers_.pop_front();
      asked.reply();
    } else if (items_.size() < limit_) {
      items_.push_back(asked->item);
      asked.reply();
    } else {
      putters_.push_back(std::move(asked));
    }
  }

  void handle(request<take> asked) {
    if (items_.empty()) {
      takers_.push_back(std::move(asked));
      return;
    }
    asked.reply(items_.front());
    items_.pop_front();
    if (putters_.empty()) return;
    items_.push_back(putters_.front()->item);
    putters_.front().reply();
    putters_.pop_front();
  }

 private:
  std::size_t limit_;
  std::deque<std::int64_t> items_;
  std::deque<request<put>> putters_;
  std::deque<request<take>> takers_;
};

troupe::process produce(context self, troupe::ref<buffer> to, std::int64_t first,
                        std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) co_await self.call(to, put{first + i}, infinity);
}

troupe::process consume(context self, troupe::ref<buffer> from, std::int64_t count, pid parent) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += co_await self.call(from, take{}, infinity);
  self.send(parent, sum_of{sum});
}

}  // namespace

void call(run& bench) {
  const std::int64_t count = bench.times(1'000'000);
  troupe::system system(bench.options());
  bench.report(ns_each(count,
                       [&] {
                         system.run([&](context self) -> task<> {
                           const auto server = self.spawn<echo_server>();
                           for (std::int64_t i = 0; i < count; ++i)
                             expect_equal("a reply", co_await self.call(server, echo{i}), i);
                         });
                       }),
               "ns/call");
}

void bounded_buffer(run& bench) {
  constexpr std::int64_t pairs = 40;
  const std::int64_t each = bench.times(10'000);
  const std::int64_t count = pairs * each;
  troupe::system system(bench.options());
  bench.report(ns_each(count,
                       [&] {
                         system.run([&](context self) -> task<> {
                           const auto shared = self.spawn<buffer>(std::size_t{50});
                           for (std::int64_t i = 0; i < pairs; ++i) {
                             self.spawn(produce, shared, i * each, each);
                             self.spawn(consume, shared, each, self.id());
                           }
                           std::int64_t sum = 0;
                           for (std::int64_t i = 0; i < pairs; ++i)
                             sum += (co_await self.receive<sum_of>()).items;
                           expect_equal("the sum of all items", sum, count * (count - 1) / 2);
                         });
                       }),
               "ns/item");
}

}  // namespace bench
