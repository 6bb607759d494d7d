#pragma once
// Stages for tests, which tell a watcher what happens in them.

#include <troupe/stage.hpp>

#include "core/support.hpp"

#include <limits>
#include <numeric>
#include <optional>

namespace troupe_test {

using ints = std::vector<int>;
using by = troupe::dispatch<int>;

struct asked {  // a source was asked
  std::size_t wanted;
};
struct got {  // a sink was given
  int sink;
  ints events;
};
struct cancelled {  // a subscription of a sink has ended
  int sink;
  troupe::exit_reason why;
};
struct give {  // to a source: emit these
  ints events;
};
struct go_on {  // to a sink that holds back: handle the next batch
};
struct end_now {
  troupe::exit_reason why;
};
struct forward {};
struct more {  // to a sink: ask for that many
  std::uint64_t wanted;
};

inline constexpr int endless = std::numeric_limits<int>::max();

// 0, 1, 2 ... below `end`, as many as it is asked for; then it owes the rest.
class numbers : public troupe::producer<int> {
 public:
  using handles = troupe::messages<give, end_now, forward>;
  explicit numbers(troupe::pid watcher = {}, int end = endless, by how = by::to_demand(),
                   troupe::producer_options options = {})
      : producer(std::move(how), options), watcher_(watcher), end_(end) {}
  ints handle_demand(std::size_t wanted) {
    if (watcher_) self.send(watcher_, asked{wanted});
    ints given(std::min(wanted, static_cast<std::size_t>(end_ - next_)));
    std::iota(given.begin(), given.end(), next_);
    next_ += static_cast<int>(given.size());
    return given;
  }
  void handle(give g) { emit(std::move(g.events)); }
  void handle(end_now e) { finish(std::move(e.why)); }
  void handle(forward) { accumulate_demand(false); }

 private:
  troupe::pid watcher_;
  int end_;
  int next_ = 0;
};

struct sink_options {
  int id = 0;
  bool hold = false;
  std::string producer = {};
  troupe::subscription_options how = {};
};
// Tells the watcher what it gets; with `hold`, handles a batch only when it is told to go on.
class sink : public troupe::consumer<int> {
 public:
  using handles = troupe::messages<more, are_you_there>;
  explicit sink(troupe::pid watcher, sink_options o = {})
      : watcher_(watcher), options_(std::move(o)) {
    if (!options_.producer.empty()) subscribe_to(options_.producer, options_.how);
  }
  troupe::task<> handle_events(ints events) {
    self.send(watcher_, got{options_.id, std::move(events)});
    if (options_.hold) (void)co_await self.receive<go_on>();
  }
  void handle_cancel(troupe::subscription, const troupe::exit_reason& why) override {
    self.send(watcher_, cancelled{options_.id, why});
  }
  void handle(more m) { ask({1}, m.wanted); }
  void handle(are_you_there) {}

 private:
  troupe::pid watcher_;
  sink_options options_;
};

// What sinks have told of `count` events, in the order told.
inline troupe::task<ints> take(troupe::context self, std::size_t count) {
  ints all;
  while (all.size() < count) {
    const got g = co_await self.receive<got>();
    all.insert(all.end(), g.events.begin(), g.events.end());
  }
  co_return all;
}
// The same for each of the first `sinks` of them.
inline troupe::task<std::vector<ints>> take_each(troupe::context self, std::size_t sinks,
                                                 std::size_t count) {
  std::vector<ints> each(sinks);
  for (std::size_t n = 0; n < count;) {
    const got g = co_await self.receive<got>();
    ints& to = each[static_cast<std::size_t>(g.sink)];
    to.insert(to.end(), g.events.begin(), g.events.end());
    n += g.events.size();
  }
  co_return each;
}

inline ints up_to(int end, int step = 1, int from = 0) {
  ints all;
  for (int i = from; i < end; i += step) all.push_back(i);
  return all;
}

// All that was sent to it has been handled, and what it has sent to itself then.
inline troupe::task<troupe::stage_counts> settled(troupe::context self, troupe::pid stage) {
  (void)co_await counts_of(self, stage);
  co_return co_await counts_of(self, stage);
}

}  // namespace troupe_test
