// traffic_light: the lights of a crossing, as state machines under a supervisor. See README.md.

#include "crossing.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <iostream>

namespace {

void draw(const crossing::picture& p, double speed) {
  const double seconds = speed * std::chrono::duration<double>(p.at).count();
  std::printf("%7.1f s", seconds);
  for (const auto& [name, now] : p.lights)
    std::printf("   %s: %-5s", name.c_str(), std::string(to_text(now)).c_str());
  std::printf("\n");
  std::fflush(stdout);
}

struct options {
  int seconds = 60;
  double speed = 1;
  int fault = 30;
  int press = 20;
};

void run(const options& chosen) {
  troupe::system system;
  crossing::timing timing;
  timing.second = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / chosen.speed));
  crossing::start(system, timing,
                  [speed = chosen.speed](const crossing::picture& p) { draw(p, speed); });
  if (chosen.press > 0) system.spawn(crossing::pedestrian, timing, chosen.press);
  if (chosen.fault > 0) system.spawn(crossing::fault, timing, chosen.fault);
  system.run([&](troupe::context self) -> troupe::task<> {
    co_await self.sleep(chosen.seconds * timing.second);
  });
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App program("The lights of a crossing: two roads, and a button for pedestrians");
  program.add_option("--seconds", chosen.seconds, "How long it runs")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  program.add_option("--speed", chosen.speed, "How many of its seconds go by in one of ours")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  program.add_option("--fault", chosen.fault, "When a light has a short circuit; 0: never")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  program
      .add_option("--press", chosen.press,
                  "A pedestrian presses the button every so many "
                  "seconds; 0: nobody comes")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  try {
    run(chosen);
  } catch (const std::exception& failed) {
    std::cerr << "traffic_light: " << failed.what() << '\n';
    return 1;
  }
}
