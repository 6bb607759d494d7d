#include "pipeline.hpp"

#include "support/catch.hpp"

#include <sstream>

using namespace std::chrono_literals;

namespace {

class no_log final : public troupe::log_sink {
 public:
  void write(troupe::log_level, std::string_view) noexcept override {}
};

logs::report run(const std::string& text, const logs::pipeline_options& options = {}) {
  troupe::system system({.workers = 2, .log = std::make_shared<no_log>()});
  std::istringstream input(text);
  return logs::run_pipeline(system, input, options);
}

// Lines of ten hosts in turn.
std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "12:00 host-" + std::to_string(i % 10) + (i % 2 == 0 ? " INFO" : " WARN") + " line " +
            std::to_string(i) + ";\n";
  return text;
}

}  // namespace

TEST_CASE("every line is counted for its host and level") {
  const logs::report r = run(lines(1000));
  CHECK(r.found.read == 1000);
  CHECK(r.found.counted == 1000);
  CHECK(r.lost == 0);
  REQUIRE(r.found.hosts.size() == 10);
  for (const auto& [host, levels] : r.found.hosts) {
    INFO(host);
    const bool even = (host.back() - '0') % 2 == 0;
    CHECK(levels == logs::level_counts{{even ? "INFO" : "WARN", 100}});
  }
}

TEST_CASE("malformed lines are counted and the first are shown with their numbers") {
  const logs::report r = run("t h INFO fine\nnonsense\n\nt h LOUD what\nt h INFO\n");
  CHECK(r.found.read == 5);
  CHECK(r.found.counted == 1);
  CHECK(r.found.malformed == 4);
  REQUIRE(r.found.shown.size() == 4);
  CHECK(r.found.shown[0].number == 2);
  CHECK(r.found.shown[0].text == "nonsense");
  CHECK(r.found.shown[1].number == 3);
  CHECK(r.found.shown[2].number == 4);
  CHECK(r.found.shown[3].number == 5);
  CHECK(run(std::string(200, '\n')).found.shown.size() == logs::totals::max_shown);
}

TEST_CASE("slow aggregators hold the reader back and no line is lost") {
  const logs::pipeline_options slow{
      .aggregators = 3, .max_demand = 4, .buffer_size = 8, .slow = 1ms};
  const logs::report r = run(lines(600), slow);
  CHECK(r.found.counted == 600);
  CHECK(r.most_in_flight > 0);
  CHECK(r.most_in_flight <= slow.limit());
}

TEST_CASE("an aggregator that crashes is restarted and the rest of its lines are counted") {
  const logs::pipeline_options fragile{.max_demand = 4, .crash_on = "line 500;"};
  const logs::report r = run(lines(1000), fragile);
  CHECK(!r.gave_up);
  CHECK(r.found.read == 1000);
  CHECK(r.lost >= 1);
  CHECK(r.lost <= 4);
  CHECK(r.found.counted == 1000 - r.lost);
}

TEST_CASE("a pipeline that crashes again and again is given up before its input is read") {
  const logs::pipeline_options hopeless{.max_demand = 4, .buffer_size = 8, .crash_on = "line"};
  const logs::report r = run(lines(1000), hopeless);
  CHECK(r.gave_up);
  CHECK(r.found.read < 1000);
  CHECK(r.found.counted == 0);
}

TEST_CASE("an empty input is a pipeline that ends") {
  const logs::report r = run("");
  CHECK(r.found.read == 0);
  CHECK(!r.gave_up);
}
