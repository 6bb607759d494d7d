#include "pipeline.hpp"

#include <troupe/supervisor.hpp>

#include <iomanip>
#include <ostream>

namespace logs {
namespace {

// Those after a stage depend on it, so they are restarted with it. The tree ends when the last
// aggregator has ended by itself, which is when the input does.
std::vector<troupe::child_spec> stages(std::istream& input, const std::shared_ptr<meter>& counts,
                                       const pipeline_options& options, troupe::ref<totals> to) {
  std::vector<troupe::child_spec> all;
  all.push_back(
      troupe::child<reader>("reader", std::ref(input), counts, to).registered().transient());
  all.push_back(troupe::child<parser>("parser", options, to).registered().transient());
  for (std::size_t i = 0; i < options.aggregators; ++i)
    all.push_back(troupe::child<aggregator>("aggregator " + std::to_string(i), i, options, to)
                      .transient()
                      .significant());
  return all;
}

}  // namespace

report run_pipeline(troupe::system& system, std::istream& input, const pipeline_options& options) {
  const auto counts = std::make_shared<meter>();
  const auto to = system.spawn<totals>();
  const troupe::pid tree = system.supervise(
      troupe::rest_for_one{.intensity = 5, .auto_shutdown = troupe::auto_shutdown::all_significant},
      stages(input, counts, options, to));
  report made;
  system.run([&](troupe::context self) -> troupe::task<> {
    (void)self.monitor(tree);
    (void)co_await self.receive<troupe::down>();
    made.found = co_await self.call(to, get_sums{});
    self.exit(to.id(), troupe::exit_reason::shutdown);
  });
  made.lost = made.found.read - made.found.counted - made.found.malformed;
  made.most_in_flight = static_cast<std::size_t>(counts->most());
  made.gave_up = made.found.finished < options.aggregators;
  return made;
}

void print(std::ostream& out, const report& what, const pipeline_options& options) {
  constexpr const char* levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};
  out << std::left << std::setw(24) << "host";
  for (const char* level : levels) out << std::right << std::setw(9) << level;
  out << '\n';
  for (const auto& [host, counts] : what.found.hosts) {
    out << std::left << std::setw(24) << host;
    for (const char* level : levels) {
      const auto at = counts.find(level);
      out << std::right << std::setw(9) << (at == counts.end() ? 0 : at->second);
    }
    out << '\n';
  }
  for (const malformed_line& bad : what.found.shown)
    out << "line " << bad.number << " is not TIME HOST LEVEL TEXT: " << bad.text << '\n';
  out << what.found.read << " lines, " << what.found.malformed << " malformed, " << what.lost
      << " lost in crashes\nat most " << what.most_in_flight
      << " lines were in flight; the limit is " << options.limit() << '\n';
}

}  // namespace logs
