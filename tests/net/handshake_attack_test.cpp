// What a peer, or somebody on the way, may try in a handshake.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "net/handshake_pair.hpp"

namespace troupe::net::handshake_test {
namespace {

TEST_CASE("the acceptor sends nothing made from the cookie before the dialler has proved itself") {
  const auto answers = [](const cookie& used, const bytes& proof_frame) {
    handshake acceptor = handshake::accept(b(), used, anybody);
    const bytes hello = body_of(acceptor.on_frame(body_of(hello_of(a()))));
    const bytes end = body_of(acceptor.on_frame(proof_frame));
    return std::pair(hello, end);
  };
  wire::frame guess;
  guess.mutable_proof()->set_mac(std::string(mac_bytes, 'x'));
  // The same to the last byte whatever the cookie is: it told nothing.
  CHECK(answers(secret, body_of(guess)) == answers(other_secret, body_of(guess)));
}

TEST_CASE("the dialler refuses an acceptor that does not know the cookie") {
  const std::string macs[] = {"", std::string(31, 'x'), std::string(32, 'x'), std::string(33, 'x')};
  for (const std::string& mac : macs) {
    handshake dialler = handshake::dial(a(), secret, b_name);
    (void)dialler.start();
    CHECK(going_on(dialler.on_frame(body_of(hello_of(b())))));
    wire::frame welcome;
    welcome.mutable_welcome()->set_mac(mac);
    const auto step = dialler.on_frame(body_of(welcome));
    CHECK(failure_of(step).reason == refusal::credentials);
    CHECK(step.write.empty());  // the acceptor reads the connected protocol already
  }
}

TEST_CASE("the dialler's own proof sent back is no proof of the acceptor") {
  handshake dialler = handshake::dial(a(), secret, b_name);
  (void)dialler.start();
  const auto proof = frame_of(dialler.on_frame(body_of(hello_of(b()))));
  wire::frame welcome;
  welcome.mutable_welcome()->set_mac(proof.proof().mac());
  CHECK(failure_of(dialler.on_frame(body_of(welcome))).reason == refusal::credentials);
}

TEST_CASE("a recorded handshake opens no second connection") {
  std::map<wire::frame::KindCase, bytes> recorded;
  std::vector<bytes> hellos;
  pair nodes = honest_pair();
  nodes.on_the_way = [&](wire::frame::KindCase kind, const bytes& body) {
    recorded[kind] = body;
    if (kind == wire::frame::kHello) hellos.push_back(body);
  };
  nodes.run();
  REQUIRE(connected(nodes.at_acceptor));

  auto fresh_b = b();
  fresh_b.fresh_nonce = nonce_from(99);
  handshake acceptor = handshake::accept(fresh_b, secret, anybody);
  CHECK(going_on(acceptor.on_frame(hellos.at(0))));
  CHECK(failure_of(acceptor.on_frame(recorded.at(wire::frame::kProof))).reason ==
        refusal::credentials);

  auto fresh_a = a();
  fresh_a.fresh_nonce = nonce_from(99);
  handshake dialler = handshake::dial(fresh_a, secret, b_name);
  (void)dialler.start();
  CHECK(going_on(dialler.on_frame(hellos.at(1))));
  CHECK(failure_of(dialler.on_frame(recorded.at(wire::frame::kWelcome))).reason ==
        refusal::credentials);
}

TEST_CASE("a node that meets itself or its own words refuses") {
  SECTION("its own hello comes back to the dialler") {
    handshake dialler = handshake::dial(a(), secret, b_name);
    const auto step = dialler.on_frame(body_of(dialler.start()));
    CHECK(failure_of(step).reason == refusal::self);
  }
  SECTION("its own nonce comes back under another name") {
    auto mirror = b();
    mirror.fresh_nonce = a().fresh_nonce;
    handshake dialler = handshake::dial(a(), secret, b_name);
    (void)dialler.start();
    const auto failure = failure_of(dialler.on_frame(body_of(hello_of(mirror))));
    CHECK(failure.reason == refusal::self);
    CHECK_THAT(failure.text, matchers::ContainsSubstring("own nonce came back"));
  }
  SECTION("its own hello of another dial comes to its acceptor") {
    auto us = a();
    us.fresh_nonce = nonce_from(99);
    handshake acceptor = handshake::accept(us, secret, anybody);
    const auto failure = failure_of(acceptor.on_frame(body_of(hello_of(a()))));
    CHECK(failure.reason == refusal::self);
    CHECK_THAT(failure.text, matchers::ContainsSubstring("give every node its own name and port"));
  }
  SECTION("another incarnation has its name") {
    auto us = a();
    us.fresh_nonce = nonce_from(99);
    us.incarnation = 77;
    handshake acceptor = handshake::accept(us, secret, anybody);
    CHECK(failure_of(acceptor.on_frame(body_of(hello_of(a())))).reason == refusal::name);
  }
}

TEST_CASE("no bit of either hello can be changed on the way") {
  const bool dialler_hello = GENERATE(true, false);
  const std::size_t bits = body_of(hello_of(dialler_hello ? a() : b())).size() * 8;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    pair nodes = honest_pair();
    bool first = true;
    nodes.on_the_way = [&](wire::frame::KindCase kind, bytes& body) {
      if (kind != wire::frame::kHello) return;
      if (std::exchange(first, false) == dialler_hello) body[bit / 8] ^= std::byte{1} << (bit % 8);
    };
    nodes.run();
    INFO("bit " << bit);
    CHECK_FALSE(connected(nodes.at_dialler));
    CHECK_FALSE(connected(nodes.at_acceptor));
  }
}

TEST_CASE("a field of a hello that is changed or stripped on the way is found out") {
  using change = std::function<void(wire::hello&)>;
  const std::map<std::string, change> changes = {
      {"features stripped", [](wire::hello& h) { h.clear_features(); }},
      {"features added", [](wire::hello& h) { h.set_features(h.features() | 1 << 20); }},
      {"older protocol offered", [](wire::hello& h) { h.set_protocol_max(1); }},
      {"newer protocol offered", [](wire::hello& h) { h.set_protocol_max(9); }},
      {"shown", [](wire::hello& h) { h.set_hidden(!h.hidden()); }},
      {"another incarnation", [](wire::hello& h) { h.set_incarnation(99); }},
      {"another name", [](wire::hello& h) { h.set_node_name("m@127.0.0.1:7400"); }},
      {"another nonce", [](wire::hello& h) { (*h.mutable_nonce())[5] ^= 1; }},
      {"a field of a later version", [](wire::hello& h) {
         h.ParseFromString(h.SerializeAsString() + std::string("\x98\x06\x01"));
       }}};
  for (const auto& [what, apply] : changes) {
    for (const bool dialler_hello : {true, false}) {
      INFO(what << (dialler_hello ? " by the dialler" : " by the acceptor"));
      auto us = a();
      auto them = b();
      us.protocol_max = them.protocol_max = 3;
      pair nodes{handshake::dial(us, secret, b_name), handshake::accept(them, secret, anybody)};
      bool first = true;
      nodes.on_the_way = [&](wire::frame::KindCase kind, bytes& body) {
        if (kind != wire::frame::kHello || std::exchange(first, false) != dialler_hello) return;
        auto frame = *parse_frame(body);
        apply(*frame.mutable_hello());
        body = body_of(frame);
      };
      nodes.run();
      CHECK_FALSE(connected(nodes.at_dialler));
      CHECK_FALSE(connected(nodes.at_acceptor));
    }
  }
}

TEST_CASE("no bit of a proof can be changed on the way") {
  const auto kind = GENERATE(wire::frame::kProof, wire::frame::kWelcome);
  for (std::size_t bit = 0; bit < mac_bytes * 8; ++bit) {
    pair nodes = honest_pair();
    nodes.on_the_way = [&](wire::frame::KindCase passing, bytes& body) {
      if (passing != kind) return;
      body[body.size() - mac_bytes + bit / 8] ^= std::byte{1} << (bit % 8);
    };
    nodes.run();
    const auto& receiver = kind == wire::frame::kProof ? nodes.at_acceptor : nodes.at_dialler;
    CHECK(failure_of(receiver).reason == refusal::credentials);
  }
}

TEST_CASE("proofs over different channels below do not fit each other") {
  auto us = a();
  auto them = b();
  us.channel_binding = {std::byte{1}, std::byte{2}};
  them.channel_binding = {std::byte{1}, std::byte{3}};
  pair spliced{handshake::dial(us, secret, b_name), handshake::accept(them, secret, anybody)};
  spliced.run();
  CHECK(failure_of(spliced.at_acceptor).reason == refusal::credentials);

  them.channel_binding = us.channel_binding;
  pair same{handshake::dial(us, secret, b_name), handshake::accept(them, secret, anybody)};
  same.run();
  CHECK(connected(same.at_dialler));
}

enum class at { dialler_hello, dialler_welcome, acceptor_hello, acceptor_proof, connected, failed };

handshake handshake_in(at where) {
  handshake dialler = handshake::dial(a(), secret, b_name);
  handshake acceptor = handshake::accept(b(), secret, anybody);
  const auto hello = body_of(dialler.start());
  if (where == at::dialler_hello) return dialler;
  if (where == at::acceptor_hello) return acceptor;
  if (where == at::failed) {
    (void)acceptor.on_frame({});
    return acceptor;
  }
  const auto answer = body_of(acceptor.on_frame(hello));
  if (where == at::acceptor_proof) return acceptor;
  const auto proof = body_of(dialler.on_frame(answer));
  if (where == at::dialler_welcome) return dialler;
  CHECK(connected(acceptor.on_frame(proof)));
  return acceptor;
}

// Every kind that the frame has, empty, with no list to forget one in.
std::map<int, bytes> every_kind() {
  std::map<int, bytes> kinds;
  for (unsigned number = 1; number < 128; ++number) {
    const unsigned tag = number << 3 | 2;
    const bytes body = {static_cast<std::byte>((tag & 0x7f) | 0x80),
                        static_cast<std::byte>(tag >> 7), std::byte{0}};
    const auto frame = parse_frame(body);
    REQUIRE(frame);
    if (frame->kind_case() != wire::frame::KIND_NOT_SET) {
      CHECK(frame->kind_case() == static_cast<int>(number));
      kinds[frame->kind_case()] = body;
    }
  }
  return kinds;
}

TEST_CASE("in each state only the frames of the table are looked at and every other ends it") {
  const std::map<at, std::set<int>> allowed = {
      {at::dialler_hello, {wire::frame::kHello, wire::frame::kRefused}},
      {at::dialler_welcome, {wire::frame::kWelcome, wire::frame::kRefused}},
      {at::acceptor_hello, {wire::frame::kHello}},
      {at::acceptor_proof, {wire::frame::kProof, wire::frame::kRefused}},
      {at::connected, {}},
      {at::failed, {}}};
  const auto kinds = every_kind();
  CHECK(kinds.size() == 22);
  for (const auto& [where, takes] : allowed) {
    for (const auto& [kind, body] : kinds) {
      INFO("state " << static_cast<int>(where) << ", kind " << kind);
      handshake shake = handshake_in(where);
      const auto failure = failure_of(shake.on_frame(body));  // an empty frame is never enough
      const bool looked_at = failure.text.find("came instead of") == std::string::npos;
      CHECK(looked_at == takes.contains(kind));
      if (!looked_at) CHECK(failure.reason == refusal::malformed);
      const auto after = shake.on_frame(body);
      CHECK(failure_of(after).reason == refusal::malformed);
      CHECK(after.write.empty());
    }
  }
}

TEST_CASE("a hello that is right but longer than a handshake's frames is refused") {
  const auto padded = [](std::size_t size) {
    bytes body = body_of(hello_of(a()));
    const std::size_t padding =
        size - body.size() - 5;  // an unknown field: 3 bytes of tag, 2 of length
    for (const unsigned byte : {0xfau, 0xffu, 0x03u}) body.push_back(static_cast<std::byte>(byte));
    body.push_back(static_cast<std::byte>((padding & 0x7f) | 0x80));
    body.push_back(static_cast<std::byte>(padding >> 7));
    body.resize(size);
    return body;
  };
  handshake acceptor = handshake::accept(b(), secret, anybody);
  CHECK(going_on(acceptor.on_frame(padded(max_handshake_frame_bytes))));
  handshake second = handshake::accept(b(), secret, anybody);
  CHECK_THAT(failure_of(second.on_frame(padded(max_handshake_frame_bytes + 1))).text,
             matchers::ContainsSubstring("1025 bytes is longer than a handshake has"));
}

TEST_CASE("garbage ends the handshake in each state") {
  const auto text = [](std::string_view garbage) {
    const auto data = std::as_bytes(std::span(garbage));
    return bytes(data.begin(), data.end());
  };
  const std::vector<bytes> garbage = {
      {},
      text("GET / HTTP/1.1"),
      text(std::string(200, '\xff')),
      text(std::string(200, '\0')),
      text("\xfa\x07\x01x"),                             // an unknown kind
      text("\x82\x01\x7f\x08\x01"),                      // a hello that is cut off
      text(std::string("\x82\x01\x03\x1a\x01\xff", 6)),  // a name that is no UTF-8
      bytes(max_handshake_frame_bytes + 1),
  };
  for (const at where : {at::dialler_hello, at::dialler_welcome, at::acceptor_hello,
                         at::acceptor_proof, at::connected, at::failed}) {
    for (const bytes& body : garbage) {
      handshake shake = handshake_in(where);
      const auto failure = failure_of(shake.on_frame(body));
      CHECK(failure.reason == refusal::malformed);
      CHECK_THAT(failure.text, matchers::ContainsSubstring("troupe node, and nothing else"));
    }
  }
}

TEST_CASE("a refusing side tells the peer one word and its protocols, and answers no refusal") {
  handshake acceptor = handshake_in(at::acceptor_proof);
  wire::frame guess;
  guess.mutable_proof()->set_mac("x");
  const auto refused = frame_of(acceptor.on_frame(body_of(guess))).refused();
  CHECK(refused.code() == wire::refused::credentials);
  CHECK(refused.protocol_min() == oldest_protocol);
  CHECK(refused.protocol_max() == newest_protocol);

  wire::frame refusal_frame;
  *refusal_frame.mutable_refused() = refused;
  for (const at where : {at::dialler_hello, at::dialler_welcome, at::acceptor_proof})
    CHECK(handshake_in(where).on_frame(body_of(refusal_frame)).write.empty());
}

}  // namespace
}  // namespace troupe::net::handshake_test
