#include "core/support.hpp"

#include "supervision/restart_intensity.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

using troupe::internal::restart_intensity;
using namespace std::chrono_literals;

namespace {

troupe::steady_time at(std::chrono::nanoseconds since_start) {
  return troupe::steady_time(since_start);
}

// The definition, word by word: of all restarts that were ever wanted, those at most `period` old
// count, and with the new one there may be `intensity` of them.
class naive_intensity {
 public:
  naive_intensity(int intensity, std::chrono::nanoseconds period)
      : intensity_(intensity), period_(period) {}
  bool allow(troupe::steady_time now) {
    wanted_.push_back(now);
    return std::count_if(wanted_.begin(), wanted_.end(),
                         [&](auto r) { return now - r <= period_; }) <= intensity_;
  }

 private:
  int intensity_;
  std::chrono::nanoseconds period_;
  std::vector<troupe::steady_time> wanted_;
};

}  // namespace

TEST_CASE("an intensity of n allows n restarts within the period and refuses the next") {
  for (int n = 0; n < 5; ++n) {
    restart_intensity r(n, 1s);
    for (int i = 0; i < n; ++i) CHECK(r.allow(at(1ms * i)));
    CHECK(!r.allow(at(1s)));
  }
}

TEST_CASE("a restart that is exactly the period old counts, and one a nanosecond older does not") {
  restart_intensity counts(1, 5s);
  CHECK(counts.allow(at(7ns)));
  CHECK(!counts.allow(at(5s + 7ns)));
  restart_intensity forgets(1, 5s);
  CHECK(forgets.allow(at(7ns)));
  CHECK(forgets.allow(at(5s + 8ns)));
}

// More: TROUPE_HISTORIES=10000000 core_tests "restart intensity agrees*"
TEST_CASE("restart intensity agrees with its definition on random histories") {
  const char* const wanted = std::getenv("TROUPE_HISTORIES");
  const std::uint64_t histories = wanted == nullptr ? 20'000 : std::strtoull(wanted, nullptr, 10);
  std::mt19937_64 random(20240611);  // a fixed seed: the same histories in every run
  std::uint64_t allowed = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t history = 0; history < histories; ++history) {
    const int intensity = static_cast<int>(random() % 6);
    const auto period = std::chrono::nanoseconds(1 + random() % 20);
    restart_intensity real(intensity, period);
    naive_intensity model(intensity, period);
    troupe::steady_time now = at(std::chrono::nanoseconds(random() % 1'000'000));
    for (int step = 0; step < 20; ++step) {
      // Steps of zero, of less than a period, of exactly one, and far beyond it.
      const auto kind = random() % 8;
      now += kind == 0   ? 0ns
             : kind == 1 ? period
             : kind == 2 ? period + 1ns
             : kind == 3 ? std::chrono::nanoseconds(random() % 1'000'000)
                         : std::chrono::nanoseconds(random() % 8);
      const bool expected = model.allow(now);
      ++(expected ? allowed : refused);
      if (real.allow(now) == expected) continue;
      FAIL("history " << history << ", step " << step << ": the definition says " << expected);
    }
  }
  // The histories were worth it: both verdicts were common.
  CHECK(allowed > histories);
  CHECK(refused > histories);
}
