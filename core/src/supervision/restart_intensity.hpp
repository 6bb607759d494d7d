#pragma once

#include <troupe/seams.hpp>

#include <deque>

namespace troupe::internal {

// OTP's arithmetic (supervisor:add_restart/1) on nanoseconds of a steady clock: of the restarts so
// far, those at most `period` old count, one exactly that old included; with the new one there may
// be `intensity` of them.
class restart_intensity {
 public:
  restart_intensity(int intensity, std::chrono::nanoseconds period)
      : intensity_(static_cast<std::size_t>(intensity)), period_(period) {}

  // A restart is wanted now: records it, and tells whether it may happen.
  [[nodiscard]] bool allow(steady_time now) {
    while (!restarts_.empty() && restarts_.front() < now - period_) restarts_.pop_front();
    restarts_.push_back(now);
    return restarts_.size() <= intensity_;
  }

 private:
  std::size_t intensity_;
  std::chrono::nanoseconds period_;
  std::deque<steady_time> restarts_;
};

}  // namespace troupe::internal
