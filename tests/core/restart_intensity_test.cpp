#include "core/support.hpp"

#include "supervision/restart_intensity.hpp"

#include <algorithm>
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

TEST_CASE("restart intensity agrees with its definition on random sequences") {
  std::mt19937_64 random(20240611);  // a fixed seed: the same sequences in every run
  int allowed = 0, refused = 0;
  for (int sequence = 0; sequence < 2'000; ++sequence) {
    const int intensity = static_cast<int>(random() % 6);
    const auto period = std::chrono::nanoseconds(1 + random() % 20);
    restart_intensity real(intensity, period);
    naive_intensity model(intensity, period);
    troupe::steady_time now = at(std::chrono::nanoseconds(random() % 1'000'000));
    for (int step = 0; step < 60; ++step) {
      // Steps of zero, of less than a period, of exactly one, and far beyond it.
      const auto kind = random() % 8;
      now += kind == 0   ? 0ns
             : kind == 1 ? period
             : kind == 2 ? period + 1ns
             : kind == 3 ? std::chrono::nanoseconds(random() % 1'000'000)
                         : std::chrono::nanoseconds(random() % 8);
      const bool expected = model.allow(now);
      ++(expected ? allowed : refused);
      INFO("sequence " << sequence << ", step " << step);
      REQUIRE(real.allow(now) == expected);
    }
  }
  // The sequences were worth it: both verdicts were common.
  CHECK(allowed > 10'000);
  CHECK(refused > 10'000);
}
