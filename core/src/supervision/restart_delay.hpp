#pragma once

#include <troupe/child_spec.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace troupe::internal {

// How long a child waits for its restarts in a row. One a child.
class restart_delay {
 public:
  void started(steady_time now) noexcept { started_ = now; }

  // It is to be restarted, because it has ended or has not started: gives the wait, and counts it.
  [[nodiscard]] std::chrono::nanoseconds next(const backoff& how, steady_time now,
                                              std::uint64_t random) noexcept {
    if (started_ && now - *started_ > how.limit) in_a_row_ = 0;
    started_.reset();
    const auto limit = static_cast<double>(how.limit.count());
    const double grown = static_cast<double>(how.first.count()) * std::pow(how.factor, in_a_row_);
    if (grown < limit) ++in_a_row_;
    constexpr double highest = 18446744073709551615.0;
    const double chance = 2 * (static_cast<double>(random) / highest) - 1;  // -1 to 1
    const double wait = std::min(grown, limit) * (1 + how.jitter * chance);
    constexpr double longest = 9e18;  // nanoseconds that fit
    return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(wait, longest)));
  }

 private:
  int in_a_row_ = 0;
  std::optional<steady_time> started_;  // none: it has not started since the last wait
};

}  // namespace troupe::internal
