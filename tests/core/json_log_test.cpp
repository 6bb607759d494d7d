// The log for machines: what happened, as JSON.
#include "core/support.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

using namespace troupe_test;
using troupe::child;
using troupe::context;
using troupe::exit_reason;
using troupe::log_level;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

// A file for one test.
class log_file {
 public:
  log_file()
      : path_(std::filesystem::temp_directory_path() /
              ("troupe_log_" + std::to_string(::getpid()) + ".json")) {}
  ~log_file() { std::filesystem::remove(path_); }
  log_file(const log_file&) = delete;
  log_file& operator=(const log_file&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  // What stands on each line behind its time, which is checked here.
  [[nodiscard]] std::vector<std::string> lines() const {
    static const std::regex time(R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",(.*)\})re");
    std::ifstream in(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) {
      std::smatch parts;
      INFO(line);
      REQUIRE(std::regex_match(line, parts, time));
      all.push_back(parts[1]);
    }
    return all;
  }

 private:
  std::filesystem::path path_;
};

struct order {
  int item = 0;
};
class till : public troupe::server {
 public:
  using handles = troupe::messages<order>;
  void handle(order o) { throw std::out_of_range("item \"" + std::to_string(o.item) + "\""); }
};

}  // namespace

TEST_CASE("a line of the JSON log has time, level and text, and what is no text does no harm") {
  const log_file file;
  const auto log = troupe::make_json_log(log_level::info, file.path());
  log->write(log_level::debug, "not wanted");
  log->write(log_level::info, "plain");
  log->write(log_level::warning, "a \"quote\", a \\ and a\nline");
  log->write(log_level::error, "\xC3\xA4 is kept, \xFF\xC0\x80 and \xE2\x82 are not");
  CHECK(file.lines() ==
        std::vector<std::string>{
            R"("level":"info","text":"plain")",
            R"("level":"warning","text":"a \"quote\", a \\ and a\u000aline")",
            "\"level\":\"error\",\"text\":\"\xC3\xA4 is kept, \\ufffd\\ufffd\\ufffd and "
            "\\ufffd\\ufffd are not\""});
}

TEST_CASE("a crash and what the supervisor makes of it are reports with fields") {
  const log_file file;
  troupe::system sys({.workers = 1, .log = troupe::make_json_log(log_level::info, file.path())});
  const pid tree =
      sys.supervise(troupe::one_for_one{.intensity = 0}, {child<till>("till 1").registered()});
  const pid crashed = sys.run([&](context self) -> task<pid> {
    const pid t = self.whereis("till 1");
    (void)self.monitor(tree);
    self.send(t, order{7});
    (void)co_await self.receive<troupe::down>();
    co_return t;
  });
  const auto lines = file.lines();
  REQUIRE(lines.size() == 3);
  const std::string reason =
      R"("reason":"error std::out_of_range: item \"7\"","reason_type":"std::out_of_range")";
  CHECK_THAT(lines[0],
             matchers::StartsWith(R"("level":"error","text":"process )" + to_string(crashed)) &&
                 matchers::EndsWith(R"("report":"crash_report","process":")" + to_string(crashed) +
                                    R"(","name":"till 1","behaviour":"till",)" + reason +
                                    R"(,"parent":")" + to_string(tree) +
                                    R"(","last_message":"order","mailbox":0,"links":")" +
                                    to_string(tree) + "\""));
  const auto report = [&](std::string_view context, const std::string& why) {
    return R"("report":"supervisor_report","supervisor":")" + to_string(tree) +
           R"(","name":"","context":")" + std::string(context) +
           R"(","child":"till 1","process":")" +
           to_string(context == "child_terminated" ? crashed : pid()) + "\"," + why +
           R"(,"restart":"permanent")";
  };
  CHECK_THAT(lines[1], matchers::EndsWith(report("child_terminated", reason)));
  CHECK_THAT(lines[2],
             matchers::EndsWith(report("reached_max_restart_intensity",
                                       R"("reason":"error troupe::restart_intensity: reached",)"
                                       R"("reason_type":"troupe::restart_intensity")")));
}

TEST_CASE("a JSON log that cannot be written is an error that names the file") {
  CHECK_THROWS_WITH(troupe::make_json_log(log_level::info, "/dev/null/log.json"),
                    matchers::ContainsSubstring("/dev/null/log.json"));
}
