#include "crossing.hpp"

namespace crossing {

using namespace std::chrono_literals;

void panel::handle(shown s) {
  lights_[s.light] = s.now;
  to_({self.now() - started_, lights_});
}

void start(troupe::system& system, const timing& t, screen to) {
  // One light that fails leaves the others in a state that the controller does not know: so all of
  // them are started again, and the controller begins by blinking.
  auto lights = troupe::supervisor(
      "crossing", troupe::one_for_all{.intensity = 3, .period = 60s},
      {troupe::child<light>("main road", std::string("main road"), true).registered(),
       troupe::child<light>("side road", std::string("side road"), true).registered(),
       troupe::child<light>("pedestrians", std::string("pedestrians"), false).registered(),
       troupe::child<controller>("controller", t).registered()});
  system.supervise(troupe::one_for_one{},
                   {troupe::child<panel>("panel", std::move(to)).registered(), std::move(lights)});
}

troupe::process pedestrian(troupe::context self, timing t, int every) {
  for (;;) {
    co_await self.sleep(every * t.second);
    // A controller that is just being restarted has forgotten the button: press it again.
    while (!co_await self.try_call("controller", press{}, troupe::infinity))
      co_await self.sleep(t.second);
  }
}

troupe::process fault(troupe::context self, timing t, int after) {
  co_await self.sleep(after * t.second);
  self.send("main road", short_circuit{});
}

}  // namespace crossing
