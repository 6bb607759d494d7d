#include "core/support.hpp"

#include "runtime/timer_wheel.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <random>

using troupe::steady_time;
using troupe::internal::timer;
using troupe::internal::timer_wheel;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t tick = std::int64_t{1} << timer_wheel::tick_shift;

std::int64_t ns(steady_time t) { return t.time_since_epoch().count(); }
steady_time at(std::int64_t since_epoch) {
  return steady_time(std::chrono::nanoseconds(since_epoch));
}
std::int64_t tick_up(std::int64_t t) { return t / tick + (t % tick == 0 ? 0 : 1); }

timer* make_timer(steady_time deadline, std::uint64_t token) {
  auto* t = ::new (troupe::internal::allocate(sizeof(timer))) timer;
  t->deadline = deadline;
  t->token = token;
  return t;
}

using firings = std::vector<std::uint64_t>;  // tokens in the order of firing
void note_firing(void* state, timer& due) { static_cast<firings*>(state)->push_back(due.token); }

// A wheel beside a std::multimap of the same timers, which gives the order of firing: equal keys
// keep the order of insertion.
class pair_of_wheels {
 public:
  explicit pair_of_wheels(std::int64_t start) : start_(start), now_(start), wheel_(at(start)) {}
  ~pair_of_wheels() {
    for (auto& [token, t] : held_) troupe::internal::let_go(t);
  }
  pair_of_wheels(const pair_of_wheels&) = delete;
  pair_of_wheels& operator=(const pair_of_wheels&) = delete;

  void arm(std::int64_t deadline) {
    timer* const t = make_timer(at(deadline), ++last_token_);
    held_.emplace(last_token_, t);
    wheel_.arm(*t);
    model_.emplace(std::pair(due_tick(deadline), deadline), last_token_);
  }

  void cancel(std::uint64_t number) {
    if (model_.empty()) return;
    auto victim = model_.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(number % model_.size()));
    timer* const t = held_.at(victim->second);
    wheel_.remove(*t);
    CHECK(!t->in_wheel);
    forget(victim->second);
    model_.erase(victim);
  }

  void advance_to(std::int64_t now) {
    now_ = now;
    firings fired;
    wheel_.advance(at(now), note_firing, &fired);
    firings expected;
    for (auto i = model_.begin(); i != model_.end() && i->first.first <= tick_of_now();) {
      expected.push_back(i->second);
      i = model_.erase(i);
    }
    REQUIRE(fired == expected);
    for (const std::uint64_t token : fired) forget(token);
    fired_ += fired.size();
    check();
  }

  void check() {
    REQUIRE(wheel_.armed() == model_.size());
    const steady_time next = wheel_.next_deadline();
    if (model_.empty()) return;
    // Who sleeps until then wakes up in time for the first timer, and not before now for nothing.
    const std::int64_t first = model_.begin()->first.first;
    if (first <= (ns(steady_time::max()) - start_) / tick)
      REQUIRE(ns(next) <= start_ + first * tick);
    REQUIRE(ns(next) > now_ - tick);
  }

  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] std::size_t fired() const { return fired_; }
  [[nodiscard]] std::size_t armed() const { return model_.size(); }
  [[nodiscard]] std::int64_t last_deadline() const { return model_.rbegin()->first.second; }

 private:
  [[nodiscard]] std::int64_t tick_of_now() const { return (now_ - start_) / tick; }
  // A timer is due when the tick is over that its deadline is in; what is late when it is armed
  // waits for the next one.
  [[nodiscard]] std::int64_t due_tick(std::int64_t deadline) const {
    return std::max(tick_up(deadline - start_), tick_of_now() + 1);
  }
  void forget(std::uint64_t token) {
    troupe::internal::let_go(held_.at(token));
    held_.erase(token);
  }
  std::int64_t start_;
  std::int64_t now_;
  timer_wheel wheel_;
  std::multimap<std::pair<std::int64_t, std::int64_t>, std::uint64_t> model_;  // tick, deadline
  std::map<std::uint64_t, timer*> held_;
  std::uint64_t last_token_ = 0;
  std::size_t fired_ = 0;
};

}  // namespace

TEST_CASE("a wheel agrees with a sorted list on random timers of all lengths, cancels and jumps") {
  std::mt19937_64 random(77);  // a fixed seed: the same operations in every run
  std::size_t fired = 0;
  for (int round = 0; round < 60; ++round) {
    const std::int64_t start = static_cast<std::int64_t>(random() % (std::uint64_t{1} << 50));
    pair_of_wheels both(start);
    // Lengths are even over their logarithm, so that all levels have their share. Few bits are left
    // out at the top, so that the clock stays within what it can count.
    const auto length = [&](unsigned most_bits) {
      const unsigned bits = static_cast<unsigned>(random() % (most_bits + 1));
      return static_cast<std::int64_t>(random() & ((std::uint64_t{1} << bits) - 1));
    };
    for (int step = 0; step < 400; ++step) {
      INFO("round " << round << ", step " << step);
      const auto what = random() % 10;
      if (what < 5) {
        both.arm(both.now() + length(61));
      } else if (what < 6) {
        both.arm(both.now() + length(30));
        both.arm(both.last_deadline());  // two of one deadline
      } else if (what < 8) {
        both.cancel(random());
      } else {
        both.advance_to(both.now() + length(step % 40 == 0 ? 55 : 34));
      }
      both.check();
    }
    both.advance_to(std::max(both.now(), both.armed() > 0 ? both.last_deadline() : 0) + tick);
    CHECK(both.armed() == 0);
    fired += both.fired();
  }
  CHECK(fired > 5'000);
}

TEST_CASE("a timer fires at the first tick that is not before its deadline, on every level") {
  for (unsigned shift = 0; shift < 62; ++shift) {
    for (const std::int64_t off : {-1, 0, 1}) {
      const std::int64_t deadline = (std::int64_t{1} << shift) + off;
      if (deadline <= 0) continue;
      INFO("deadline " << deadline);
      pair_of_wheels both(0);
      both.arm(deadline);
      const std::int64_t due = tick_up(deadline) * tick;
      both.advance_to(due - 1);
      CHECK(both.fired() == 0);
      both.advance_to(due);
      CHECK(both.fired() == 1);
    }
  }
}

TEST_CASE("timers can be armed wherever the clock stands, at the last tick before a carry too") {
  for (unsigned shift = timer_wheel::tick_shift; shift < 61; ++shift) {
    for (const std::int64_t off : {-tick, std::int64_t{0}, tick}) {
      INFO("the clock stands at 2^" << shift << " + " << off);
      pair_of_wheels both(0);
      both.advance_to((std::int64_t{1} << shift) + off);
      for (unsigned length = 0; length < 61; ++length)
        both.arm(both.now() + (std::int64_t{1} << length));
      both.advance_to(both.now() + tick);
      both.advance_to(both.last_deadline() + tick);
      CHECK(both.armed() == 0);
    }
  }
}

TEST_CASE("a deadline that the clock will never reach can be armed and does not fire") {
  pair_of_wheels both(123);
  both.arm(std::numeric_limits<std::int64_t>::max());
  both.arm(1'000'000'000);
  both.advance_to(std::int64_t{1} << 60);
  CHECK(both.fired() == 1);
  CHECK(both.armed() == 1);
}

TEST_CASE("a wheel that ends lets go of the timers that are armed") {
  timer* const t = make_timer(at(5), 1);
  {
    timer_wheel wheel(at(0));
    wheel.arm(*t);
    CHECK(t->holders() == 2);
  }
  CHECK(t->holders() == 1);
  troupe::internal::let_go(t);
}

TEST_CASE("of a timer that others transfer and cancel, the wheel keeps nothing") {
  timer_wheel wheel(at(0));
  firings fired;
  const auto advance = [&](std::int64_t now) { wheel.advance(at(now), note_firing, &fired); };
  const auto cancel = [&](timer* t) {
    CHECK(t->claim(troupe::internal::timer_state::cancelled));
    wheel.transfers.recall(*t);
  };
  SECTION("armed, then cancelled before the owner looks") {
    timer* const t = make_timer(at(5), 1);
    wheel.transfers.put(*t);
    cancel(t);
    CHECK(wheel.next_deadline() <= at(0));  // the owner must not sleep on it
    advance(tick);
    CHECK(t->holders() == 1);
    troupe::internal::let_go(t);
  }
  SECTION("armed, taken in, then cancelled") {
    timer* const t = make_timer(at(5), 1);
    wheel.transfers.put(*t);
    advance(0);
    CHECK(wheel.armed() == 1);
    cancel(t);
    advance(0);
    CHECK(wheel.armed() == 0);
    CHECK(t->holders() == 1);
    troupe::internal::let_go(t);
    advance(10 * tick);
  }
  CHECK(fired.empty());
  CHECK(wheel.armed() == 0);
  CHECK(wheel.transfers.empty());
}
