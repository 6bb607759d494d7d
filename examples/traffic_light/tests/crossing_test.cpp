// Minutes at the crossing, in virtual time.
#include "crossing.hpp"

#include <troupe/sim/simulation.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <vector>

using namespace std::chrono_literals;
using crossing::colour;
using crossing::picture;
using troupe::context;
using troupe::task;

namespace {

// A crossing in a simulation of its own.
struct simulated_crossing {
  simulated_crossing() {
    crossing::start(system, timing, [this](const picture& p) { seen.push_back(p); });
  }
  void run_for(std::chrono::nanoseconds time) {
    system.run([time](context self) -> task<> { co_await self.sleep(time); });
  }
  // When a light shows that colour for the first time after that.
  [[nodiscard]] std::chrono::nanoseconds first(const std::string& light, colour wanted,
                                               std::chrono::nanoseconds after = 0s) const {
    const auto at = std::find_if(seen.begin(), seen.end(), [&](const picture& p) {
      const auto found = p.lights.find(light);
      return p.at >= after && found != p.lights.end() && found->second == wanted;
    });
    return at == seen.end() ? std::chrono::nanoseconds::max() : at->at;
  }

  crossing::timing timing;
  std::vector<picture> seen;
  troupe::sim::simulation world{{.seed = 1}};
  troupe::system system{world.add_host("crossing").options()};
};

}  // namespace

TEST_CASE("it blinks after its start and then each road has its turn") {
  simulated_crossing c;
  c.run_for(60s);
  CHECK(c.first("main road", colour::amber) < 1s);
  const auto main_goes = c.first("main road", colour::green);
  CHECK(main_goes >= 6s);
  CHECK(main_goes < 8s);
  const auto side_goes = c.first("side road", colour::green);
  CHECK(side_goes > main_goes + 8s);
  CHECK(c.first("main road", colour::green, side_goes) < side_goes + 15s);
  CHECK(c.first("pedestrians", colour::green) == std::chrono::nanoseconds::max());
}

TEST_CASE("never do two lights show green") {
  simulated_crossing c;
  c.system.spawn(crossing::pedestrian, c.timing, 7);
  c.system.spawn(crossing::fault, c.timing, 100);
  c.run_for(10min);
  CHECK(c.seen.size() > 100);
  for (const picture& p : c.seen)
    CHECK(std::count_if(p.lights.begin(), p.lights.end(),
                        [](const auto& light) { return light.second == colour::green; }) <= 1);
}

TEST_CASE("a pedestrian who presses the button need not wait for the whole green time") {
  simulated_crossing c;
  c.system.run([](context self) -> task<> {
    co_await self.sleep(8s);  // the main road has just begun to go
    const auto pressed = self.now();
    co_await self.call("controller", crossing::press{}, 1min);
    const auto waited = self.now() - pressed;
    CHECK(waited > 4s);
    CHECK(waited < 6s);  // 2 s green, 2 s amber, 1 s red
    co_await self.call("controller", crossing::press{}, 1min);
    CHECK(self.now() - pressed - waited < 1s);  // pedestrians go already
  });
}

TEST_CASE("a short circuit makes it blink and after a while it works again") {
  simulated_crossing c;
  c.system.spawn(crossing::fault, c.timing, 30);
  c.run_for(60s);
  const auto dark = c.first("main road", colour::dark, 30s);
  CHECK(dark < 31s);
  CHECK(c.first("side road", colour::dark, 30s) < 31s);
  CHECK(c.first("main road", colour::amber, dark) < dark + 2s);
  const auto works = c.first("main road", colour::green, dark);
  CHECK(works >= dark + 6s);
  CHECK(works < dark + 9s);
}

TEST_CASE("a light that is to jump from green to red ends and so begins the blinking") {
  simulated_crossing c;
  c.system.run([](context self) -> task<> {
    co_await self.sleep(8s);
    const auto watch = self.monitor("main road");
    self.send("main road", crossing::show{colour::red});
    const auto ended =
        co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == watch; });
    CHECK(to_string(ended.reason).find("is not expected in state") != std::string::npos);
  });
}
