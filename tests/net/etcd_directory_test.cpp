// Names of a cluster that are kept in etcd.
#include <troupe/net/etcd.hpp>
#include <troupe/net/singleton.hpp>

#include "directory/etcd_client.hpp"
#include "net/certificates.hpp"
#include "net/cluster_support.hpp"
#include "net/etcd_server.hpp"

using namespace troupe_test;
using troupe::call_error;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::process;
using troupe::task;
using troupe::net::directory;
using troupe::net::etcd_options;
using troupe::net::lease;
using troupe::net::lease_lost;
using troupe::net::lease_options;
using troupe::net::name_changed;
using troupe::net::name_holder;

namespace {

constexpr lease_options patient = {.ttl = 10min};
constexpr lease_options brief = {.ttl = 2s, .stop_time = 100ms};

// A node with a directory in etcd.
struct etcd_node : test_node {
  etcd_node(const std::string& app, etcd_options options) : test_node({}, app) {
    add("names", std::move(options));
  }
  ~etcd_node() {
    for (const pid tree : trees) system.exit(tree, exit_reason::shutdown);
  }
  void add(const std::string& id, etcd_options options) {
    trees.push_back(system.supervise(
        troupe::one_for_one{}, {troupe::net::etcd_directory_child(id, *node, std::move(options))}));
  }
  // Nothing tells etcd.
  void leave_without_a_word() {
    for (const pid tree : trees) system.exit(tree, exit_reason::kill);
    CHECK(comes_true([this] { return system.whereis("names") == pid{}; }));
  }
  std::vector<pid> trees;
};

struct with_etcd {
  [[nodiscard]] static directory names(lease_options how = patient) {
    return directory("names", how);
  }
  etcd_server etcd;
  etcd_node a{"a", {.endpoints = {etcd.endpoint()}}};
  etcd_node b{"b", {.endpoints = {etcd.endpoint()}}};
};

struct got_name {
  pid holder;
  std::uint64_t token;
};

// Has the name and answers, until it is told to give it back.
process holder(context self, lease_options how, std::string name, troupe::destination tell) {
  const directory names("names", how);
  const lease held = co_await names.claim(self, name);
  self.send(tell, got_name{self, held.token()});
  for (bool goes_on = true; goes_on;)
    co_await self.receive([](troupe::request<ask> r) { r.reply(r->value + 1); },
                          [&](const die&) { goes_on = false; });
  co_await names.release(self, held);
}

std::string failure_of(test_node& n, const directory& names) {
  return n.system.run([&](context self) -> task<std::string> {
    try {
      (void)co_await names.find(self, "leader");
    } catch (const call_error& e) {
      co_return e.what();
    }
    co_return "no failure";
  });
}

}  // namespace

TEST_CASE("a name in etcd has one holder and leads to it from every node") {
  with_etcd t;
  t.b.system.run([&](context self) -> task<> {
    self.register_as("tester");
    t.a.system.spawn(holder, patient, std::string("leader"),
                     troupe::destination("tester", t.b.name()));
    const auto first = co_await self.receive<got_name>();
    const directory names = t.names();
    const name_holder found = co_await names.find(self, "leader");
    CHECK(found.process == first.holder);
    CHECK(found.token == first.token);
    const auto none = co_await names.try_claim(self, "leader");
    CHECK_FALSE(none.has_value());
    const int answer = co_await names.call(self, "leader", ask{1});
    CHECK(answer == 2);
    (void)names.watch(self, "leader");
    CHECK((co_await self.receive<name_changed>()).holder == found);
    const pid here =
        self.spawn(holder, patient, std::string("leader"), troupe::destination(self.id()));
    co_await names.send(self, "leader", die{});
    const auto second = co_await self.receive<got_name>();
    CHECK(second.holder == here);
    CHECK(second.token > first.token);
    name_holder seen;
    while (seen.process != here) seen = (co_await self.receive<name_changed>()).holder;
    CHECK(seen.token == second.token);
    self.exit(here, exit_reason::kill);
    while (seen.process) seen = (co_await self.receive<name_changed>()).holder;
  });
}

TEST_CASE("a name in etcd can be assigned to another process and ends with that") {
  with_etcd t;
  t.b.system.run([&](context self) -> task<> {
    const directory names = t.names();
    const lease held = co_await names.claim(self, "worker");
    const pid worker = self.spawn(echo);
    co_await names.assign(self, held, worker);
    const name_holder found = co_await names.find(self, "worker");
    CHECK(found.process == worker);
    CHECK(found.token == held.token());
    self.exit(worker, exit_reason::kill);
    const lease again = co_await names.claim(self, "worker");
    CHECK(again.token() > held.token());
  });
}

TEST_CASE("a name in etcd is another's when the lease of a node that was lost is over") {
  etcd_server etcd;
  etcd_node b("b", {.endpoints = {etcd.endpoint()}});
  b.system.run([&](context self) -> task<> {
    self.register_as("tester");
    std::uint64_t token = 0;
    {
      etcd_node a("a", {.endpoints = {etcd.endpoint()}});
      a.system.spawn(holder, brief, std::string("leader"), troupe::destination("tester", b.name()));
      token = (co_await self.receive<got_name>()).token;
      co_await self.blocking([&] { a.leave_without_a_word(); });
    }
    const lease next = co_await with_etcd::names(brief).claim(self, "leader");
    CHECK(next.token() > token);
  });
}

TEST_CASE("a holder ends with lease_lost when etcd is gone") {
  with_etcd t;
  t.b.system.run([&](context self) -> task<> {
    const auto held =
        self.spawn_monitor(holder, brief, std::string("leader"), troupe::destination(self.id()));
    const auto got = co_await self.receive<got_name>();
    co_await self.blocking([&] { t.etcd.stop(); });
    const auto ended = co_await self.receive<troupe::down>();
    CHECK(ended.ref == held.ref);
    const lease_lost* const why = ended.reason.get_if<lease_lost>();
    REQUIRE(why != nullptr);
    CHECK(*why == lease_lost{"leader", got.token});
  });
}

TEST_CASE("an endpoint of etcd that does not answer is passed over and named if none does") {
  const etcd_server etcd;
  const std::string deaf = "127.0.0.1:" + std::to_string(free_port());
  etcd_node n("test", {.endpoints = {deaf, etcd.endpoint()}});
  CHECK(failure_of(n, directory("names")) == "no failure");
  n.add("deaf", {.endpoints = {deaf}});
  CHECK(failure_of(n, directory("deaf")).find("cannot connect to " + deaf) != std::string::npos);
  CHECK_THROWS_AS(troupe::net::etcd_directory_child("names", *n.node, {.endpoints = {}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(troupe::net::etcd_directory_child("names", *n.node, {.endpoints = {"etcd"}}),
                  std::invalid_argument);
}

TEST_CASE("a directory in etcd has a limit of requests under way and says so") {
  const etcd_server etcd;
  etcd_node n("test", {.endpoints = {etcd.endpoint()}, .max_requests = 1});
  n.system.run([&](context self) -> task<> {
    const auto waits = self.send_request("names", troupe::net::await_change{"leader", {}}, 20s);
    std::string text;
    try {
      (void)co_await directory("names").find(self, "leader");
    } catch (const call_error& e) {
      text = e.what();
    }
    CHECK(text.find("etcd_options::max_requests are under way already") != std::string::npos);
  });
}

TEST_CASE("etcd with users is used with name and password and refuses wrong ones in words") {
  const etcd_server etcd;
  REQUIRE(etcd.post("/v3/auth/user/add", R"({"name":"root","password":"secret"})") == 200);
  REQUIRE(etcd.post("/v3/auth/role/add", R"({"name":"root"})") == 200);
  REQUIRE(etcd.post("/v3/auth/user/grant", R"({"user":"root","role":"root"})") == 200);
  REQUIRE(etcd.post("/v3/auth/enable", "{}") == 200);
  const std::vector where = {etcd.endpoint()};
  etcd_node n("test", {.endpoints = where, .user = "root", .password = "secret"});
  CHECK(failure_of(n, directory("names")) == "no failure");
  n.add("stranger", {.endpoints = where, .user = "root", .password = "wrong"});
  n.add("nobody", {.endpoints = where});
  CHECK(failure_of(n, directory("stranger")).find("etcd_options::user and password") !=
        std::string::npos);
  CHECK(failure_of(n, directory("nobody")).find("user name is empty") != std::string::npos);
}

TEST_CASE("values and prefixes of etcd are any bytes") {
  const etcd_server etcd;
  troupe::system system({.workers = 1});
  system.run([&](context self) -> task<> {
    troupe::net::internal::etcd_client client({.endpoints = {etcd.endpoint()}});
    std::vector<std::string> put;
    for (std::size_t size = 0; size < 6; ++size) {
      put.push_back(std::string(size, '\xff') + std::string(size % 2, '\0'));
      co_await client.put(self, "a\xff" + std::to_string(size), put.back(), 0);
    }
    co_await client.put(self, "b", "another", 0);
    const auto got = co_await client.list(self, "a\xff");
    CHECK(got == put);
  });
}

// --- over TLS ------------------------------------------------------------------------------------

namespace {

tls_folder files_for(const std::string& address) {
  return {home_authority().issue({.addresses = {address}}), home_authority().certificate()};
}

etcd_options over_tls(const etcd_server& etcd, const troupe::net::tls_options& files) {
  return {
      .endpoints = {etcd.endpoint()},
      .tls = {.authority = files.authority, .certificate = files.certificate, .key = files.key}};
}

}  // namespace

TEST_CASE("etcd is asked over TLS and both sides show certificates") {
  const tls_folder servers = files_for("127.0.0.1");
  const tls_folder clients = files_for("127.0.0.2");
  const etcd_server etcd(servers.options());
  etcd_node a("a", over_tls(etcd, clients.options()));
  etcd_node b("b", over_tls(etcd, clients.options()));
  b.system.run([&](context self) -> task<> {
    self.register_as("tester");
    const directory names("names", patient);
    const troupe::destination here("tester", b.name());
    (void)names.watch(self, "leader");
    a.system.spawn(holder, patient, std::string("leader"), here);
    const auto got = co_await self.receive<got_name>();
    CHECK(got.token > 0);
    name_holder seen;
    while (seen.process != got.holder) seen = (co_await self.receive<name_changed>()).holder;
    CHECK(seen.token == got.token);
    const int answer = co_await names.call(self, "leader", ask{1});
    CHECK(answer == 2);
    co_await names.send(self, "leader", die{});
    while (seen.process) seen = (co_await self.receive<name_changed>()).holder;
  });
}

TEST_CASE("an etcd that cannot be trusted or does not trust this node is said to be so") {
  const tls_folder servers = files_for("127.0.0.1");
  const test_authority stranger;
  const tls_folder unknown_here(home_authority().issue(test_authority::wish{}),
                                stranger.certificate());
  const tls_folder unknown_there(stranger.issue(test_authority::wish{}),
                                 home_authority().certificate());
  const etcd_server etcd(servers.options());
  const auto failure = [&](const etcd_options& options) {
    etcd_node n("n", options);
    return failure_of(n, directory("names"));
  };
  CHECK_THAT(failure(over_tls(etcd, unknown_here.options())),
             matchers::ContainsSubstring("its certificate is refused"));
  CHECK_THAT(failure(over_tls(etcd, unknown_there.options())),
             matchers::ContainsSubstring("etcd does not answer"));
  CHECK_THAT(failure({.endpoints = {etcd.endpoint()}}),
             matchers::ContainsSubstring("etcd does not answer"));
  auto missing = over_tls(etcd, servers.options());
  missing.tls.authority = servers.path() / "no such file";
  CHECK_THAT(failure(missing), matchers::ContainsSubstring("no such file"));
  auto other_host = over_tls(etcd, servers.options());
  other_host.endpoints = {"localhost" + etcd.endpoint().substr(etcd.endpoint().find(':'))};
  CHECK_THAT(failure(other_host), matchers::ContainsSubstring("name the host or address"));
  const etcd_server plain;
  CHECK_THAT(failure(over_tls(plain, servers.options())),
             matchers::ContainsSubstring("it may do without"));
  troupe::net::etcd_options half{.tls = {.key = servers.options().key}};
  CHECK_THROWS_WITH(etcd_node("n", half), matchers::ContainsSubstring("etcd_options::tls"));
}
