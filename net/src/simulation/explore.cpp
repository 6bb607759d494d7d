#include <troupe/net/sim.hpp>

#include "platform/environment.hpp"
#include "platform/program.hpp"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <map>
#include <optional>

namespace troupe::sim {

namespace {

// A seed gives the same run only in a program built from the same sources; the compiler makes no
// difference, but people should know which it was.
#if defined(__clang__)
constexpr std::string_view build = "clang-" __clang_version__;
#else
constexpr std::string_view build = "gcc-" __VERSION__;
#endif

constexpr std::string_view build_name = build.substr(0, build.find(' '));

constexpr const char* seed_variable = "TROUPE_SEED";
constexpr std::size_t lines_shown = 40;

std::optional<std::uint64_t> seed_wanted() {
  const std::string text = net::environment_value(seed_variable);
  if (text.empty()) return std::nullopt;
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument(
        fmt::format("{} is \"{}\"; it must be a number", seed_variable, text));
  return seed;
}

void write_run(const world& w) {
  const std::string stem = fmt::format("troupe-{}", w.seed());
  for (const auto& [path, text] :
       {std::pair(stem + ".txt", w.history()), std::pair(stem + ".json", w.trace_json())})
    net::print_error(net::write_file(path, text) ? fmt::format("wrote {}\n", path)
                                                 : fmt::format("cannot write {}\n", path));
}

// What went wrong, if something did.
std::string run(world& w, const std::function<void(world&)>& scenario) {
  try {
    scenario(w);
    w.finish();
    return {};
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "the scenario threw what is no std::exception";
  }
}

[[noreturn]] void report(const world& w, const std::string& what) {
  const std::string again = fmt::format("{}={} TROUPE_BUILD={} {}", seed_variable, w.seed(),
                                        build_name, net::command_line());
  net::print_error(
      fmt::format("{}\nthe simulation failed: {}\nsteps={} hash={:016x}; run it again by\n{}\n",
                  w.history(lines_shown), what, w.steps(), w.hash(), again));
  throw violation(fmt::format("{} (seed {}; again by: {})", what, w.seed(), again));
}

}  // namespace

explored explore(const explore_options& options, const std::function<void(world&)>& scenario) {
  const auto clock = make_real_clock();
  const steady_time start = clock->now();
  const auto only = seed_wanted();
  std::map<std::string, std::uint64_t> reached;
  explored sum;
  for (std::uint64_t i = 0; i < (only ? 1 : options.seeds); ++i) {
    sum.real_time = clock->now() - start;
    if (options.time_box > std::chrono::nanoseconds::zero() && sum.real_time >= options.time_box)
      break;
    world_options made = options.world;
    made.seed = only.value_or(options.first_seed + i);
    if (only) made.history_length = 0;
    world w(made);
    const steady_time begun = w.now();
    const std::string failure = run(w, scenario);
    if (only) write_run(w);
    if (!failure.empty()) report(w, failure);
    ++sum.seeds;
    sum.steps += w.steps();
    sum.virtual_time += w.now() - begun;
    for (const std::string& what : w.engine().reached()) ++reached[what];
  }
  sum.real_time = clock->now() - start;
  sum.reached.assign(reached.begin(), reached.end());
  return sum;
}

}  // namespace troupe::sim
