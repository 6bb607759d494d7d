#include <troupe/config.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using troupe::bounded;
using troupe::config_error;
using troupe::internal::config_table;
using troupe::internal::override_config;
using troupe::internal::parse_config;
using troupe::internal::read_fields;

namespace {

struct pool_options {
  bounded<int, 1, 100> size{4};
  std::chrono::milliseconds patience{500};
};
struct options {
  std::string dsn = "memory";
  bool verbose = false;
  double ratio = 0.5;
  std::uint8_t level = 3;
  std::vector<std::string> hosts = {"a"};
  std::optional<int> limit = {};
  pool_options pool = {};
};

options read(std::string_view text, const std::vector<std::string>& environment = {}) {
  config_table table = parse_config(text, "bank.toml");
  override_config(table, "TROUPE_", environment);
  options made;
  if (const auto at = table.find("accounts"); at != table.end())
    troupe::internal::read_config(at->second, made, "accounts");
  return made;
}

}  // namespace

TEST_CASE("an aggregate of options is filled by the names of its fields") {
  const options o = read(R"(
[accounts]
dsn = "sqlite:bank"
verbose = true
ratio = 2
level = 255
hosts = ["x", "y"]
limit = -1
[accounts.pool]
size = 100
patience = "2s"
)");
  CHECK(o.dsn == "sqlite:bank");
  CHECK(o.verbose);
  CHECK(o.ratio == 2.0);
  CHECK(o.level == 255);
  CHECK(o.hosts == std::vector<std::string>{"x", "y"});
  CHECK(o.limit == -1);
  CHECK(o.pool.size == 100);
  CHECK(o.pool.patience == 2s);
}

TEST_CASE("what the configuration leaves out keeps its default") {
  const options o = read("[accounts]\nverbose = true\n[accounts.pool]\nsize = 1\n");
  CHECK(o.dsn == "memory");
  CHECK(o.pool.size == 1);
  CHECK(o.pool.patience == 500ms);
  CHECK(!o.limit);
  CHECK(read("").pool.size == 4);
}

TEST_CASE("a value that does not fit is refused with its file and line and key and what fits") {
  struct row {
    const char* text;
    const char* refusal;
  };
  const row rows[] = {
      {"[accounts]\ndsn = 5", "bank.toml:2: accounts.dsn is the integer 5; it must be a text"},
      {"[accounts]\nverbose = 1",
       "bank.toml:2: accounts.verbose is the integer 1; it must be true or false"},
      {"[accounts]\n\nratio = 'x'",
       "bank.toml:3: accounts.ratio is the text \"x\"; it must be a number"},
      {"[accounts]\nlevel = 256",
       "bank.toml:2: accounts.level is the integer 256; it must be from 0 to 255"},
      {"[accounts]\nlevel = -1", "it must be from 0 to 255"},
      {"[accounts]\nlevel = 1.5", "accounts.level is the number 1.5; it must be an integer"},
      {"[accounts]\nhosts = 'x'", "accounts.hosts is the text \"x\"; it must be a list"},
      {"[accounts]\nhosts = [\n'x',\n7]",
       "bank.toml:4: accounts.hosts[1] is the integer 7; it must be a text"},
      {"[accounts]\npool = 3", "accounts.pool is the integer 3; it must be a table"},
      {"[accounts.pool]\nsize = 0",
       "bank.toml:2: accounts.pool.size is the integer 0; it must be from 1 to 100"},
      {"[accounts.pool]\nsize = 101", "it must be from 1 to 100"},
      {"[accounts.pool]\npatience = 5",
       "patience is the integer 5; it must be a text as \"250ms\""},
      {"[accounts.pool]\npatience = '5 days'", "it must be a text as \"250ms\""},
      {"[accounts.pool]\npatience = '-5s'", "it must be a text as \"250ms\""},
      {"[accounts.pool]\npatience = '999999999999h'", "it must be from 0ns to 292 years"},
      {"accounts = 3", "bank.toml:1: accounts is the integer 3; it must be a table"},
      {"[accounts]\ndsn = 2026-11-21", "bank.toml:2: dates and times are not used here"},
      {"[accounts]\ndsn = \n", "bank.toml:2: "},
  };
  for (const row& r : rows) {
    INFO(r.text);
    CHECK_THROWS_AS(read(r.text), config_error);
    CHECK_THROWS_WITH(read(r.text), matchers::ContainsSubstring(r.refusal));
  }
}

TEST_CASE("an unknown key is refused and the nearest known one is named") {
  CHECK_THROWS_WITH(read("[accounts]\nverbos = true"),
                    "bank.toml:2: accounts has no key verbos; did you mean verbose? It has: dsn, "
                    "verbose, ratio, level, hosts, limit, pool");
  CHECK_THROWS_WITH(
      read("[accounts.pool]\nsise = 3"),
      matchers::ContainsSubstring("accounts.pool has no key sise; did you mean size?"));
}

TEST_CASE("the environment overrides the file and is named where it does not fit") {
  const std::string file = "[accounts]\ndsn = 'file'\n[accounts.pool]\nsize = 7\n";
  const options o =
      read(file, {"TROUPE_ACCOUNTS__DSN=host=db user=me", "TROUPE_ACCOUNTS__POOL__SIZE=9",
                  "TROUPE_ACCOUNTS__POOL__PATIENCE=1min", "TROUPE_ACCOUNTS__HOSTS=['p', 'q']",
                  "TROUPE_SEED=5", "HOME=/root", "TROUPE_ACCOUNTS__VERBOSE=true"});
  CHECK(o.dsn == "host=db user=me");
  CHECK(o.pool.size == 9);
  CHECK(o.pool.patience == 1min);
  CHECK(o.hosts == std::vector<std::string>{"p", "q"});
  CHECK(o.verbose);
  CHECK(read("", {"TROUPE_ACCOUNTS__POOL__SIZE=2"}).pool.size == 2);
  CHECK_THROWS_WITH(read(file, {"TROUPE_ACCOUNTS__POOL__SIZE=many"}),
                    "TROUPE_ACCOUNTS__POOL__SIZE: accounts.pool.size is the text \"many\"; it must "
                    "be an integer");
  CHECK_THROWS_WITH(read(file, {"TROUPE_ACCOUNTS__DNS=x"}),
                    matchers::ContainsSubstring("TROUPE_ACCOUNTS__DNS: accounts has no key dns; "
                                                "did you mean dsn?"));
}
