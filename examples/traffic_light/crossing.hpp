#pragma once
// The processes of a crossing.

#include "controller.hpp"

#include <troupe/troupe.hpp>

#include <functional>
#include <map>

namespace crossing {

/// What all lights show, after each change.
struct picture {
  std::chrono::nanoseconds at{};  // since the panel started
  std::map<std::string, colour> lights;
};
using screen = std::function<void(const picture&)>;

/// Hears of each change of a light, as `panel`.
class panel : public troupe::server {
 public:
  using handles = troupe::messages<shown>;
  explicit panel(screen to) : to_(std::move(to)), started_(self.now()) {}
  void handle(shown s);

 private:
  screen to_;
  troupe::steady_time started_;
  std::map<std::string, colour> lights_;
};

/// Starts the crossing: a panel, and lights with their controller, which are restarted together.
void start(troupe::system& system, const timing& t, screen to);

/// A pedestrian who wants to cross every so many seconds.
troupe::process pedestrian(troupe::context self, timing t, int every);

/// After so many seconds, the light of the main road has a short circuit.
troupe::process fault(troupe::context self, timing t, int after);

}  // namespace crossing
