#include "job.hpp"

#include "support/catch.hpp"

#include <sstream>

using namespace jobs;
using matchers::ContainsSubstring;

namespace {

std::vector<job> read(const std::string& text) {
  std::istringstream in(text);
  return read_jobs(in, "jobs.txt");
}

}  // namespace

TEST_CASE("a line is a job and what is empty or begins with a hash sign is none") {
  const std::vector<job> all = read("# these\n\nhash  a file \r\n\tsleep 250\nfail 0.5\n");
  REQUIRE(all.size() == 3);
  CHECK(all[0].line == 3);
  CHECK(all[0].text == "hash  a file");
  CHECK(std::get<hash_file>(all[0].what).path == "a file");
  CHECK(std::get<sleep_for>(all[1].what).time == std::chrono::milliseconds(250));
  CHECK(std::get<fail_at_random>(all[2].what).probability == 0.5);
  CHECK(read("").empty());
}

TEST_CASE("all bad lines are named with their number and what was expected there") {
  std::string text;
  try {
    (void)read("sleep 1\nslep 1\nsleep soon\nsleep -1\nfail 1.5\nfail nan\nhash\nfail\n");
  } catch (const bad_input& e) {
    text = e.what();
  }
  CHECK_THAT(text, matchers::StartsWith("jobs.txt:2: expected 'hash FILE', "));
  CHECK_THAT(text, ContainsSubstring("found 'slep'"));
  CHECK_THAT(text, ContainsSubstring("jobs.txt:3: expected milliseconds, 0 to 86400000"));
  CHECK_THAT(text, ContainsSubstring("jobs.txt:4: "));
  CHECK_THAT(text, ContainsSubstring("jobs.txt:5: expected a probability, 0 to 1"));
  CHECK_THAT(text, ContainsSubstring("found 'nan'"));
  CHECK_THAT(text, ContainsSubstring("jobs.txt:7: expected the path of a file"));
  CHECK_THAT(text, ContainsSubstring("jobs.txt:8: "));
  CHECK_THAT(text, !ContainsSubstring("jobs.txt:1:"));
}

TEST_CASE("the sum of a content is FNV-1a") {
  CHECK(hash_of("") == "cbf29ce484222325");
  CHECK(hash_of("foobar") == "85944171f73967e8");
}
