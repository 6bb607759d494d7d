#include "protocol/node_name.hpp"

#include <string>

#include "support/catch.hpp"
#include "wire/limits.hpp"

namespace troupe::net {
namespace {

using part = node_name_error::part;

node_name name(std::string_view text) {
  const auto parsed = node_name::parse(text);
  INFO(text);
  if (const auto* error = std::get_if<node_name_error>(&parsed)) FAIL(error->text);
  return std::get<node_name>(parsed);
}

node_name_error error(std::string_view text) {
  const auto parsed = node_name::parse(text);
  INFO(text);
  REQUIRE(std::holds_alternative<node_name_error>(parsed));
  return std::get<node_name_error>(parsed);
}

TEST_CASE("a node name is app, host and port") {
  const node_name a = name("a@10.0.0.1:7400");
  CHECK(a.text() == "a@10.0.0.1:7400");
  CHECK(a.app() == "a");
  CHECK(a.host() == "10.0.0.1");
  CHECK(a.port() == 7400);

  const node_name b = name("Play_counter-2@db-7.example.org:1");
  CHECK(b.app() == "Play_counter-2");
  CHECK(b.host() == "db-7.example.org");
  CHECK(b.port() == 1);
}

TEST_CASE("an IPv6 address stands in brackets and is given without them") {
  const node_name a = name("a@[2001:db8::7]:65535");
  CHECK(a.host() == "2001:db8::7");
  CHECK(a.port() == 65535);
  CHECK(name("a@[::1]:7400").host() == "::1");
}

TEST_CASE("the URI of a node in a certificate has its app and host, and no port") {
  const auto uri_of = [](std::string_view text) {
    return std::get<node_name>(node_name::parse(text)).uri();
  };
  CHECK(uri_of("a@db.example:7400") == "troupe:a@db.example");
  CHECK(uri_of("a@[::1]:80") == "troupe:a@[::1]");
}

TEST_CASE("names are equal if their texts are") {
  CHECK(name("a@h:1") == name("a@h:1"));
  CHECK(name("a@h:1") != name("A@h:1"));
  CHECK(name("a@h:1") < name("b@h:1"));
}

TEST_CASE("a wrong node name says which part is wrong and how to put it right") {
  struct row {
    std::string_view text;
    part where;
    const char* advice;
  };
  const row rows[] = {
      {"", part::whole, "app@host:port"},
      {"a", part::whole, "counter@127.0.0.1:7400"},
      {"a@h", part::whole, "app@host:port"},
      {"h:7400", part::whole, "app@host:port"},
      {"h:7400@a", part::whole, "app@host:port"},
      {"a@[::1]", part::whole, "app@host:port"},
      {"@h:7400", part::app, "give the node a name"},
      {"a b@h:7400", part::app, "only letters"},
      {"a/../b@h:7400", part::app, "only letters"},
      {"\xc3\xa4@h:7400", part::app, "only letters"},
      {"a@:7400", part::host, "the host is missing"},
      {"a@Host:7400", part::host, "lower case"},
      {"a@ho st:7400", part::host, "is no host"},
      {"a@b@h:7400", part::host, "is no host"},
      {"a@-h:7400", part::host, "neither begin nor end with -"},
      {"a@h-.x:7400", part::host, "neither begin nor end with -"},
      {"a@h..x:7400", part::host, "1 to 63"},
      {"a@256.0.0.1:7400", part::host, "0 to 255"},
      {"a@10.0.1:7400", part::host, "four numbers"},
      {"a@10.0.0.01:7400", part::host, "without leading zeros"},
      {"a@::1:7400", part::host, "an IPv6 address in brackets"},
      {"a@[]:7400", part::host, "no IPv6 address"},
      {"a@[::g]:7400", part::host, "no IPv6 address"},
      {"a@[fe80::1%eth0]:7400", part::host, "without a zone"},
      {"a@[0:0:0:0:0:0:0:1]:7400", part::host, "write [::1]"},
      {"a@[2001:DB8::7]:7400", part::host, "write [2001:db8::7]"},
      {"a@h:", part::port, "1 to 65535"},
      {"a@h:x", part::port, "1 to 65535"},
      {"a@h:-1", part::port, "1 to 65535"},
      {"a@h:+1", part::port, "1 to 65535"},
      {"a@h:65536", part::port, "1 to 65535"},
      {"a@h:99999999999999999999", part::port, "1 to 65535"},
      {"a@h:07400", part::port, "without leading zeros"},
      {"a@h:7400 ", part::port, "1 to 65535"},
      {"a@h:0", part::port, "the port on which the node is reached"},
  };
  for (const row& row : rows) {
    const node_name_error found = error(row.text);
    CHECK(found.where == row.where);
    CHECK_THAT(found.text, matchers::ContainsSubstring(row.advice));
    CHECK_THAT(found.text, matchers::StartsWith("bad node name `"));
  }
}

TEST_CASE("a node name has at most 255 bytes and its host's labels at most 63") {
  const std::string host = std::string(63, 'h') + "." + std::string(63, 'h');
  const std::string rest = "@" + host + ":7400";
  CHECK(name(std::string(max_name_bytes - rest.size(), 'a') + rest).port() == 7400);
  const auto found = error(std::string(max_name_bytes - rest.size() + 1, 'a') + rest);
  CHECK(found.where == part::whole);
  CHECK_THAT(found.text, matchers::ContainsSubstring("256 bytes: shorten it to 255"));
  CHECK(error("a@" + std::string(64, 'h') + ":7400").where == part::host);
}

TEST_CASE("the text of an error holds no control characters of a foreign name") {
  using namespace std::string_view_literals;
  for (const auto text : {"a@[::1\0\x1b[31m]:7400"sv, "\x1b[2J@h:1"sv, "a@h:\r\n"sv})
    for (const char c : error(text).text) CHECK((c >= ' ' && c <= '~'));
}

TEST_CASE("port 0 lets the system choose, and the chosen port gives the name to announce") {
  const auto parsed = node_name::parse_to_listen("a@[::1]:0");
  REQUIRE(std::holds_alternative<node_name>(parsed));
  const node_name listening = std::get<node_name>(parsed);
  CHECK(listening.port() == 0);
  CHECK(listening.with_port(40001) == name("a@[::1]:40001"));
  CHECK(std::holds_alternative<node_name>(node_name::parse_to_listen("a@h:7400")));
  CHECK(std::holds_alternative<node_name_error>(node_name::parse_to_listen("a@h:00")));
}

TEST_CASE("a name with a chosen port is never too long") {
  const std::string host = "@" + std::string(63, 'h') + ":0";
  const std::string longest = std::string(max_name_bytes - 4 - host.size(), 'a') + host;
  const auto parsed = node_name::parse_to_listen(longest);
  REQUIRE(std::holds_alternative<node_name>(parsed));
  CHECK(name(std::get<node_name>(parsed).with_port(65535).text()).port() == 65535);
  CHECK(std::holds_alternative<node_name_error>(node_name::parse_to_listen("a" + longest)));
}

TEST_CASE("of two simultaneous dials exactly one wins, the greater name's") {
  const node_name a = name("a@h:1");
  const node_name b = name("b@h:1");
  CHECK(wins_tie(b, a));
  CHECK_FALSE(wins_tie(a, b));
}

}  // namespace
}  // namespace troupe::net
