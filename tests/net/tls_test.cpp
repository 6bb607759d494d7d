// Nodes that speak TLS, over the real loopback: whom they let in, and what is said of the others.

#include <troupe/net/peer.hpp>

#include <cstdlib>

#include "net/peer_program.hpp"
#include "net/tls_support.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::task;
using troupe::net::node_error;

namespace {

struct repeat {
  using reply = std::string;
  std::string text;
};

troupe::process parrot(context self) {
  for (;;) co_await self.receive([](troupe::request<repeat> r) { r.reply(std::move(r->text)); });
}

certificate_and_key for_a() { return home_authority().issue("a"); }

}  // namespace

// --- nodes that agree ----------------------------------------------------------------------------

TEST_CASE("two nodes with TLS talk both ways, and a large message arrives whole") {
  tls_node a("a");
  tls_node b("b");
  a.run_echo();
  b.made.system.spawn_with({.name = "parrot"}, parrot);
  std::string text(std::size_t{5} << 20, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  CHECK(a.made.system.call({"parrot", b.name()}, repeat{text}) == text);
  CHECK(b.ask_echo(a, 1) == 2);
  CHECK(a.made.node->nodes() == std::vector{b.name()});
}

TEST_CASE("a node brings the certificates between its own and the authority") {
  const test_authority between(&home_authority());
  tls_node a("a");
  tls_node b("b");
  b.run_echo();
  certificate_and_key shown = between.issue("b");
  shown.certificate += between.certificate();
  b.files.write(shown);
  CHECK(a.ask_echo(b, 1) == 2);
  CHECK(b.logs("new connections use new TLS files"));
}

TEST_CASE("with TLS a node may listen beyond loopback, and does not warn") {
  const tls_folder files(home_authority().issue({.uris = {"troupe:a@0.0.0.0"}}),
                         home_authority().certificate());
  const test_node node{{.name = "a@0.0.0.0:0", .tls = files.options()}};
  CHECK(node.log->text().find("without TLS") == std::string::npos);
}

TEST_CASE(
    "the files that certificates.sh makes let nodes talk, and a name that is none is refused") {
  const test_folder folder;
  const auto make = [&](const std::string& names) {
    return std::system(("bash " TROUPE_CERTIFICATES " " + folder.path().string() + " " + names +
                        " >/dev/null 2>&1")
                           .c_str());
  };
  REQUIRE(make("a@127.0.0.1:7400 c@127.0.0.1") == 0);
  REQUIRE(make("b@127.0.0.1") == 0);
  CHECK(make("b") != 0);
  const auto files = [&](const std::string& name) {
    return troupe::net::tls_options{.certificate = folder.path() / (name + ".pem"),
                                    .key = folder.path() / (name + ".key"),
                                    .authority = folder.path() / "ca.pem"};
  };
  const test_node a{{.tls = files("a@127.0.0.1")}, "a"};
  test_node b{{.tls = files("b@127.0.0.1")}, "b"};
  test_node c{{.tls = files("a@127.0.0.1")}, "c"};  // which its first name allows, too
  b.node->connect(a.name());
  c.node->connect(b.name());
  CHECK(b.node->nodes() == std::vector{a.name(), c.name()});
}

TEST_CASE("a peer that a node with TLS starts joins with TLS, if the certificate names it") {
  tls_node a("a", {.cookie = test_cookie});
  a.made.leaves_peers = true;
  const auto start = [&] {
    a.made.system.run([&](context self) -> task<> {
      const auto peer = co_await troupe::net::start_peer(self, *a.made.node, peer_program());
      const int answer = co_await self.call({"echo", peer.node}, ask{1});
      CHECK(answer == 2);
      self.exit(peer.peer, troupe::exit_reason::kill);
    });
  };
  CHECK_THROWS_WITH(start(), matchers::ContainsSubstring("does not name this node") &&
                                 matchers::ContainsSubstring("troupe:peer@127.0.0.1"));
  a.files.write(home_authority().issue({.uris = {"troupe:a@127.0.0.1", "troupe:peer@127.0.0.1"}}));
  start();
}

// --- nodes that do not ---------------------------------------------------------------------------

TEST_CASE("a node of another authority is refused, with the reason in both logs") {
  const test_authority stranger;
  tls_node a("a");
  SECTION("by the dialler") {
    tls_node b("b", stranger, stranger.certificate() + home_authority().certificate());
    CHECK_THROWS_WITH(a.connect(b), matchers::ContainsSubstring("its certificate is refused"));
    CHECK(a.logs("its certificate is refused (unable to get local issuer certificate)"));
    CHECK(b.logs("it refuses this side"));
  }
  SECTION("by the acceptor, whose reason comes after the dialler is content") {
    tls_node b("b", stranger, stranger.certificate() + home_authority().certificate());
    for (int i = 0; i < 20; ++i)
      CHECK_THROWS_WITH(b.connect(a), matchers::ContainsSubstring("it refuses this side"));
    CHECK(a.logs("its certificate is refused (unable to get local issuer certificate)"));
    CHECK(b.logs("it refuses this side"));
  }
  CHECK(a.made.node->nodes().empty());
}

TEST_CASE("who shows a wrong certificate, none, or an old TLS is told so, and the log says why") {
  const tls_node node("n");
  const auto refused = [&](const rude_tls_client::manners& how, const std::string& told,
                           const std::string& logged) {
    rude_tls_client client(node.name(), how);
    CHECK_THAT(client.refusal(), matchers::ContainsSubstring(told));
    CHECK(node.logs(logged));
  };
  const auto dated = [](auto from, auto until) {
    return home_authority().issue({.uris = {"troupe:c@127.0.0.1"}, .from = from, .until = until});
  };
  refused({}, "certificate required", "it shows no certificate");
  refused({.shows = dated(-2h, -1h)}, "certificate expired", "(certificate has expired)");
  refused({.shows = dated(1h, 2h)}, "bad certificate", "(certificate is not yet valid)");
  refused({.shows = test_authority().issue("c")}, "unknown ca",
          "(unable to get local issuer certificate)");
  refused({.shows = for_a(), .newest_version = TLS1_2_VERSION}, "protocol version",
          "nodes speak TLS 1.3 only");
  CHECK(node.made.node->nodes().empty());
}

TEST_CASE("a node is let in under a name that its certificate has, and under no other") {
  const tls_node node("n");
  rude_tls_client honest(node.name(), {.shows = for_a()});
  CHECK(honest.join("a@127.0.0.1:7777", true).empty());
  rude_tls_client liar(node.name(), {.shows = for_a()});
  CHECK_THAT(liar.join("b@127.0.0.1:7777", true), matchers::ContainsSubstring("(certificate)"));
  CHECK(node.logs("its certificate names troupe:a@127.0.0.1 and not troupe:b@127.0.0.1"));
}

TEST_CASE("only a name among the alternative ones counts, without patterns, under a strong key") {
  const tls_node node("n");
  const auto refused = [&](const test_authority::wish& wanted, const std::string& logged) {
    rude_tls_client client(node.name(), {.shows = home_authority().issue(wanted)});
    CHECK_FALSE(client.join("a@127.0.0.1:7777", true).empty());
    CHECK(node.logs(logged));
  };
  refused({.common_name = "troupe:a@127.0.0.1"}, "troupe:a@127.0.0.1");
  refused({.uris = {"troupe:*@127.0.0.1"}}, "and not troupe:a@127.0.0.1");
  rude_tls_client weak(
      node.name(),
      {.shows = home_authority().issue({.uris = {"troupe:a@127.0.0.1"}, .weak_key = true})});
  CHECK_FALSE(weak.refusal().empty());
  CHECK(node.logs("too weak"));
  CHECK(node.made.node->nodes().empty());
}

TEST_CASE("a signature over a weak hash, or by the certificate's own key, is refused") {
  const tls_node node("n");
  const auto refused = [&](const test_authority::wish& wanted, const std::string& logged) {
    rude_tls_client client(node.name(), {.shows = home_authority().issue(wanted)});
    CHECK_FALSE(client.refusal().empty());
    CHECK(node.logs(logged));
  };
  refused({.uris = {"troupe:a@127.0.0.1"}, .weak_hash = true},
          "(CA signature digest algorithm too weak)");
  refused({.uris = {"troupe:a@127.0.0.1"}, .self_signed = true}, "(self-signed certificate)");
  CHECK(node.made.node->nodes().empty());
}

TEST_CASE("what an authority may not sign for is refused, and constraints on URIs refuse all") {
  const auto refused = [](const std::string& constraints, const test_authority::wish& wanted,
                          const std::string& logged) {
    const test_authority constrained(&home_authority(), constraints);
    const tls_node node("n");
    certificate_and_key shown = constrained.issue(wanted);
    shown.certificate += constrained.certificate();
    rude_tls_client client(node.name(), {.shows = shown});
    CHECK_FALSE(client.refusal().empty());
    CHECK(node.logs(logged));
    CHECK(node.made.node->nodes().empty());
  };
  const std::vector<std::string> uris = {"troupe:a@127.0.0.1"};
  const std::string ten = "permitted;IP:10.0.0.0/255.0.0.0";
  refused(ten, {.uris = uris, .addresses = {"127.0.0.1"}}, "(permitted subtree violation)");
  refused("excluded;IP:127.0.0.0/255.0.0.0", {.uris = uris, .addresses = {"127.0.0.1"}},
          "(excluded subtree violation)");
  // Nothing but an alternative name counts as a name, so none can be hidden in another field.
  refused(ten, {.uris = uris, .addresses = {"127.0.0.1"}, .common_name = "10.0.0.1"},
          "(permitted subtree violation)");
  for (const std::string constraints : {"permitted;URI:127.0.0.1", "excluded;URI:10.0.0.1"})
    refused(constraints, {.uris = uris}, "(unsupported or invalid name syntax)");
}

TEST_CASE("an authority whose constraints allow it lets its nodes in") {
  const test_authority constrained(&home_authority(), "permitted;IP:127.0.0.0/255.0.0.0");
  const tls_node node("n");
  certificate_and_key shown =
      constrained.issue({.uris = {"troupe:a@127.0.0.1"}, .addresses = {"127.0.0.1"}});
  shown.certificate += constrained.certificate();
  rude_tls_client client(node.name(), {.shows = shown});
  CHECK(client.join("a@127.0.0.1:7777", true).empty());
}

TEST_CASE("a proof of the cookie that was made for another connection is refused") {
  const tls_node node("n");
  rude_tls_client client(node.name(), {.shows = for_a()});
  CHECK_THAT(client.join("a@127.0.0.1:7777", false), matchers::ContainsSubstring("(credentials)"));
  CHECK(node.made.node->nodes().empty());
}

TEST_CASE("an end of the connection that TLS does not confirm is a cut, not a good end") {
  const tls_node node("n");
  rude_tls_client client(node.name(), {.shows = for_a()});
  REQUIRE(client.join("a@127.0.0.1:7777", true).empty());
  REQUIRE(node.logs("a@127.0.0.1:7777 is up"));
  client.cut();
  CHECK(node.logs("the peer reset the connection"));
}

TEST_CASE("a node with TLS and one without refuse each other, and both logs say what to do") {
  const tls_node secured("s");
  const test_node plain{{}, "p"};
  CHECK_THROWS_WITH(plain.node->connect(secured.name()),
                    matchers::ContainsSubstring("it may speak TLS"));
  CHECK(plain.log->has("give this node node_options::tls, too"));
  CHECK(secured.logs("what it says is not TLS"));
  CHECK_THROWS_WITH(secured.made.node->connect(plain.name()),
                    matchers::ContainsSubstring("it may be a node without TLS"));
  CHECK(secured.logs("in the middle of the TLS handshake"));
  CHECK(plain.log->has("the peer speaks TLS and this node does not"));
}

// --- strangers -----------------------------------------------------------------------------------

TEST_CASE("garbage, silence and half a handshake of TLS are closed when the setup time is over") {
  const tls_node node("n", {.setup_time = 50ms});
  const std::string half_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const auto& bytes : {std::string(), std::string("GET / HTTP/1.1\r\n\r\n"),
                            std::string(100, '\xff'), half_hello, half_hello.substr(0, 3)}) {
    rude_tls_client client(node.name());
    client.send_plain(bytes);
    client.read_plain_to_end();
  }
  // In TLS, but no word of the handshake for which it is.
  rude_tls_client silent(node.name(), {.shows = for_a()});
  CHECK_FALSE(silent.refusal().empty());
  CHECK(node.made.node->nodes().empty());
}

TEST_CASE("of many who never finish TLS the oldest are closed, and a good node joins meanwhile") {
  tls_node node("n", {.max_handshakes = 8});
  std::vector<std::unique_ptr<rude_tls_client>> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(std::make_unique<rude_tls_client>(node.name()));
    if (i % 2 == 0) many.back()->send_plain("\x16\x03\x01");
  }
  node.run_echo();
  tls_node good("g");
  CHECK(good.ask_echo(node, 1) == 2);
  CHECK(many.front()->read_plain_to_end() == 0);
}

TEST_CASE("who has said something waits for its turn with TLS, which the next has when one ends") {
  const tls_node node("n", {.setup_time = 1h, .max_tls_handshakes = 1});
  auto first = std::make_unique<rude_tls_client>(node.name());
  const rude_tls_client silent(node.name());  // which takes no turn
  first->send_hello();
  REQUIRE(first->is_answered());
  rude_tls_client second(node.name());
  second.send_hello();
  rude_tls_client third(node.name());
  third.send_hello();
  first.reset();
  CHECK(second.is_answered());
  second.cut();
  CHECK(third.is_answered());
}

TEST_CASE("who is slow with TLS makes room for those who wait, and a good node joins meanwhile") {
  const tls_node node("n", {.setup_time = 4s, .max_tls_handshakes = 2});
  std::vector<std::unique_ptr<rude_tls_client>> slow;
  for (int i = 0; i < 6; ++i) {
    slow.push_back(std::make_unique<rude_tls_client>(node.name()));
    slow.back()->send_hello();
  }
  const tls_node good("g");
  good.connect(node);
  for (std::size_t i = 0; i < 4; ++i) CHECK(slow[i]->read_plain_to_end() > 0);
  CHECK(node.logs("its handshake of TLS was slow, and others wait"));
}

// --- files ---------------------------------------------------------------------------------------

TEST_CASE("new connections use the files as they are then, and those that are up go on") {
  const test_authority next;
  tls_node a("a");
  tls_node b("b");
  b.run_echo();
  CHECK(a.ask_echo(b, 1) == 2);
  b.renew("b", next);
  tls_node old("old");
  CHECK_THROWS_AS(old.connect(b), node_error);
  tls_node young("young", next, next.certificate());
  CHECK(young.ask_echo(b, 1) == 2);
  CHECK(b.logs("new connections use new TLS files"));
  CHECK(a.ask_echo(b, 2) == 3);
  a.renew("a", next);
  a.connect(young);
  CHECK(b.made.node->nodes() == std::vector{a.name(), young.name()});
}

TEST_CASE("files that become wrong are reported, and what they held before is still used") {
  tls_node a("a");
  tls_node b("b");
  b.run_echo();
  b.files.write("node.pem", "half a certif");
  CHECK(a.ask_echo(b, 1) == 2);
  CHECK(b.logs("what they held before is still used: the TLS certificate file"));
}

TEST_CASE("TLS files that cannot be used stop a node at its start, and the error names the file") {
  const tls_folder files(for_a(), home_authority().certificate());
  const auto start = [&] { const test_node node{{.tls = files.options()}, "a"}; };
  const auto fails = [&](const std::string& what, const std::string& file) {
    CHECK_THROWS_WITH(start(), matchers::ContainsSubstring(what) &&
                                   matchers::ContainsSubstring((files.path() / file).string()));
  };
  SECTION("not there") {
    std::filesystem::remove(files.path() / "node.pem");
    fails("No such file", "node.pem");
  }
  SECTION("no certificate in it") {
    files.write("node.pem", "nothing");
    fails("holds no certificate in PEM form", "node.pem");
  }
  SECTION("no authority in it") {
    files.write("ca.pem", "nothing");
    fails("holds no certificate in PEM form", "ca.pem");
  }
  SECTION("no key in it") {
    files.write("node.key", "nothing");
    fails("holds no private key", "node.key");
  }
  SECTION("the key of another certificate") {
    files.write("node.key", for_a().key);
    fails("does not belong to the certificate", "node.key");
  }
  SECTION("a key that others can read") {
    using std::filesystem::perms;
    std::filesystem::permissions(files.path() / "node.key", perms::owner_read | perms::others_read);
    fails("has mode 0404, and nobody but its owner", "node.key");
  }
  SECTION("too long") {
    files.write("ca.pem", std::string(std::size_t{2} << 20, 'x'));
    fails("too long", "ca.pem");
  }
  SECTION("expired") {
    files.write(
        home_authority().issue({.uris = {"troupe:a@127.0.0.1"}, .from = -2h, .until = -1h}));
    fails("certificate has expired", "node.pem");
  }
  SECTION("not valid yet") {
    files.write(home_authority().issue({.uris = {"troupe:a@127.0.0.1"}, .from = 1h, .until = 2h}));
    fails("certificate is not yet valid", "node.pem");
  }
  SECTION("signed by another authority") {
    files.write(test_authority().issue("a"));
    fails("unable to get local issuer certificate", "ca.pem");
  }
  SECTION("another node's") {
    files.write(home_authority().issue("b"));
    fails(
        "it needs troupe:a@127.0.0.1 among its subject alternative names, as a URI, and has "
        "troupe:b@127.0.0.1",
        "node.pem");
  }
}

TEST_CASE(
    "a node with one of the three TLS files is not made, and the error names what is missing") {
  const tls_folder files(for_a(), home_authority().certificate());
  troupe::net::tls_options part = files.options();
  part.authority.clear();
  const auto start = [&] { const test_node node{{.tls = part}, "a"}; };
  CHECK_THROWS_WITH(start(), matchers::ContainsSubstring("tls_options::authority") &&
                                 matchers::ContainsSubstring("TROUPE_TLS_AUTHORITY"));
}
