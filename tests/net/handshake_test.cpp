#include "protocol/handshake.hpp"

#include <functional>
#include <map>
#include <string>

#include "net/handshake_pair.hpp"

namespace troupe::net::handshake_test {
namespace {

TEST_CASE("two nodes with the same cookie connect and know each other") {
  pair nodes = honest_pair();
  nodes.run();
  REQUIRE(connected(nodes.at_dialler));
  REQUIRE(connected(nodes.at_acceptor));
  const auto& b_at_a = std::get<peer_info>(nodes.at_dialler.outcome);
  CHECK(b_at_a.name == b_name);
  CHECK(b_at_a.incarnation == 2);
  CHECK(b_at_a.hidden);
  CHECK(b_at_a.protocol == 1);
  CHECK(b_at_a.features == 4);  // what both have
  const auto& a_at_b = std::get<peer_info>(nodes.at_acceptor.outcome);
  CHECK(a_at_b.name == a_name);
  CHECK(a_at_b.incarnation == 1);
  CHECK_FALSE(a_at_b.hidden);
  CHECK(a_at_b.features == 4);
}

TEST_CASE("the bytes of a handshake are those of the example in PROTOCOL.md") {
  // Computed with Python's hmac and hashlib and a protobuf encoder of ten lines.
  handshake dialler = handshake::dial(a(), secret, b_name);
  handshake acceptor = handshake::accept(b(), secret, anybody);
  const handshake_step hello = dialler.start();
  CHECK(hex(hello.write) ==
        "0000004d82014a080110011a1061403132372e302e302e313a373430302101000000000000002a20"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f310500000000000000");
  const handshake_step answer = acceptor.on_frame(body_of(hello));
  CHECK(hex(answer.write) ==
        "0000004f82014c080110011a1062403132372e302e302e313a373430312102000000000000002a20"
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f3106000000000000003801");
  const handshake_step proof = dialler.on_frame(body_of(answer));
  CHECK(hex(proof.write) ==
        "000000259201220a20a553613d4d7766c981ec6cec8a8b6b81dc540a2b5c3ba6c6492875a78130a151");
  const handshake_step welcome = acceptor.on_frame(body_of(proof));
  CHECK(hex(welcome.write) ==
        "000000259a01220a2079c354c4b83a3a95340e5344699b8062cbb92786b81fcbc6db03a3d9f04532e5");
  CHECK(connected(dialler.on_frame(body_of(welcome))));
}

TEST_CASE("a handshake says what it waits for") {
  handshake dialler = handshake::dial(a(), secret, b_name);
  handshake acceptor = handshake::accept(b(), secret, anybody);
  CHECK(dialler.waiting_for() == "the acceptor's hello");
  CHECK(acceptor.waiting_for() == "the dialler's hello");
  const auto answer = acceptor.on_frame(body_of(dialler.start()));
  CHECK(acceptor.waiting_for() == "the dialler's proof");
  const auto proof = dialler.on_frame(body_of(answer));
  CHECK(dialler.waiting_for() == "the acceptor's welcome");
  CHECK(connected(acceptor.on_frame(body_of(proof))));
  CHECK(acceptor.waiting_for() == "nothing: the handshake is over");
}

TEST_CASE("a wrong cookie, also one of another length, is refused at both ends") {
  for (const cookie* theirs : {&other_secret, &short_secret}) {
    pair nodes{handshake::dial(a(), *theirs, b_name), handshake::accept(b(), secret, anybody)};
    nodes.run();
    const auto at_acceptor = failure_of(nodes.at_acceptor);
    CHECK(at_acceptor.reason == refusal::credentials);
    CHECK(at_acceptor.refused_by == side::us);
    CHECK_THAT(at_acceptor.text, matchers::ContainsSubstring("a@127.0.0.1:7400"));
    CHECK_THAT(at_acceptor.text, matchers::ContainsSubstring("give all nodes of a cluster the "
                                                             "same cookie"));
    const auto at_dialler = failure_of(nodes.at_dialler);
    CHECK(at_dialler.reason == refusal::credentials);
    CHECK(at_dialler.refused_by == side::peer);
    CHECK_THAT(at_dialler.text, matchers::ContainsSubstring("b@127.0.0.1:7401"));
  }
}

TEST_CASE("the dialler refuses a node that is not the one it dialled") {
  pair nodes{handshake::dial(a(), secret, name("c@127.0.0.1:7401")),
             handshake::accept(b(), secret, anybody)};
  nodes.run();
  const auto at_dialler = failure_of(nodes.at_dialler);
  CHECK(at_dialler.reason == refusal::name);
  CHECK_THAT(at_dialler.text, matchers::ContainsSubstring("b@127.0.0.1:7401"));
  CHECK_THAT(at_dialler.text, matchers::ContainsSubstring("where c@127.0.0.1:7401 was dialled"));
  CHECK(failure_of(nodes.at_acceptor).reason == refusal::name);
  CHECK(failure_of(nodes.at_acceptor).refused_by == side::peer);
}

TEST_CASE("nodes without a common protocol refuse, and both logs hold both ranges") {
  const bool dialler_is_newer = GENERATE(true, false);
  auto old_node = dialler_is_newer ? b() : a();
  auto new_node = dialler_is_newer ? a() : b();
  old_node.protocol_min = 1;
  old_node.protocol_max = 2;
  new_node.protocol_min = 3;
  new_node.protocol_max = 7;
  pair nodes{handshake::dial(dialler_is_newer ? new_node : old_node, secret, b_name),
             handshake::accept(dialler_is_newer ? old_node : new_node, secret, anybody)};
  nodes.run();
  CHECK(failure_of(nodes.at_acceptor).refused_by == side::us);  // at the first hello
  for (const auto& failure : {failure_of(nodes.at_dialler), failure_of(nodes.at_acceptor)}) {
    CHECK(failure.reason == refusal::version);
    CHECK_THAT(failure.text, matchers::ContainsSubstring("protocol 1 to 2"));
    CHECK_THAT(failure.text, matchers::ContainsSubstring("protocol 3 to 7"));
    CHECK_THAT(failure.text, matchers::ContainsSubstring("have a protocol in common"));
  }
}

TEST_CASE("nodes speak the newest protocol that both know") {
  auto old_node = a();
  auto new_node = b();
  old_node.protocol_max = 4;
  new_node.protocol_min = 2;
  new_node.protocol_max = 9;
  pair nodes{handshake::dial(old_node, secret, b_name),
             handshake::accept(new_node, secret, anybody)};
  nodes.run();
  CHECK(std::get<peer_info>(nodes.at_dialler.outcome).protocol == 4);
  CHECK(std::get<peer_info>(nodes.at_acceptor.outcome).protocol == 4);
}

TEST_CASE("a hello with fields of a later version is taken, and proved with them") {
  auto frame = hello_of(a());
  frame.mutable_hello()->ParseFromString(frame.hello().SerializeAsString() + "\x98\x06\x01");
  handshake acceptor = handshake::accept(b(), secret, anybody);
  const bytes hello = body_of(frame);
  const bytes answer = body_of(acceptor.on_frame(hello));
  bytes transcript;
  append_part(transcript, hello);
  append_part(transcript, answer);
  append_part(transcript, std::as_bytes(std::span(std::string_view("dialler"))));
  append_part(transcript, {});
  const mac proof = secret.prove(role::dialler, transcript);
  wire::frame proof_frame;
  proof_frame.mutable_proof()->set_mac(proof.data(), proof.size());
  CHECK(connected(acceptor.on_frame(body_of(proof_frame))));
}

TEST_CASE("a hello with a wrong field is refused with what is wrong") {
  struct row {
    std::function<void(wire::hello&)> spoil;
    const char* says;
  };
  const row rows[] = {
      {[](wire::hello& h) { h.clear_nonce(); }, "nonce has 0 bytes instead of 32"},
      {[](wire::hello& h) { h.set_nonce(std::string(33, 'x')); }, "nonce has 33 bytes"},
      {[](wire::hello& h) { h.clear_incarnation(); }, "incarnation is 0"},
      {[](wire::hello& h) { h.clear_node_name(); }, "bad node name ``"},
      {[](wire::hello& h) { h.set_node_name("a@127.0.0.1:0"); }, "bad node name"},
      {[](wire::hello& h) { h.set_node_name("a\x1b[2J@h:1"); }, "bad node name `a?[2J@h:1`"},
      {[](wire::hello& h) { h.clear_protocol_min(); }, "impossible range protocol 0 to 1"},
      {[](wire::hello& h) { h.set_protocol_min(2); }, "impossible range protocol 2 to 1"},
  };
  for (const row& row : rows) {
    auto frame = hello_of(a());
    row.spoil(*frame.mutable_hello());
    handshake acceptor = handshake::accept(b(), secret, anybody);
    const auto step = acceptor.on_frame(body_of(frame));
    CHECK(failure_of(step).reason == refusal::malformed);
    CHECK_THAT(failure_of(step).text, matchers::ContainsSubstring(row.says));
    CHECK(frame_of(step).refused().code() == wire::refused::malformed);
  }
}

TEST_CASE("the owner is asked at the hello and again at the proof") {
  for (const int refuse_at : {1, 2}) {
    int asked = 0;
    const auto may_join = [&](const peer_info& peer) -> std::optional<refusal> {
      CHECK(peer.name == a_name);
      CHECK(peer.incarnation == 1);
      return ++asked == refuse_at ? std::optional(refusal::lost_tie) : std::nullopt;
    };
    pair nodes{handshake::dial(a(), secret, b_name), handshake::accept(b(), secret, may_join)};
    nodes.run();
    CHECK(asked == refuse_at);
    CHECK(failure_of(nodes.at_acceptor).reason == refusal::lost_tie);
    CHECK(failure_of(nodes.at_dialler).reason == refusal::lost_tie);
    CHECK(failure_of(nodes.at_dialler).refused_by == side::peer);
  }
}

TEST_CASE("at the proof the owner is asked only about a dialler that has proved itself") {
  int asked = 0;
  const auto may_join = [&](const peer_info&) -> std::optional<refusal> {
    ++asked;
    return std::nullopt;
  };
  pair nodes{handshake::dial(a(), other_secret, b_name), handshake::accept(b(), secret, may_join)};
  nodes.run();
  CHECK(asked == 1);
}

TEST_CASE("a dialler that is not let in yet waits, and is then let in or refused") {
  const auto not_yet = [](const peer_info&) { return admission_answer::not_yet(); };
  for (const bool may_join : {true, false}) {
    pair nodes{handshake::dial(a(), secret, b_name), handshake::accept(b(), secret, not_yet)};
    nodes.run();
    CHECK(going_on(nodes.at_acceptor));
    CHECK(nodes.at_acceptor.write.empty());  // no proof of the acceptor leaves before the decision
    REQUIRE(nodes.acceptor.undecided());
    CHECK(going_on(nodes.acceptor.decide(admission_answer::not_yet())));
    const auto decided = nodes.acceptor.decide(
        may_join ? admission_answer() : admission_answer(refusal::alive, "there is another one"));
    CHECK_FALSE(nodes.acceptor.undecided());
    const auto told = nodes.dialler.on_frame(body_of(decided));
    CHECK(connected(decided) == may_join);
    CHECK(connected(told) == may_join);
    if (may_join) continue;
    CHECK(failure_of(told).reason == refusal::alive);
    CHECK(failure_of(decided).reason == refusal::alive);
    CHECK_THAT(failure_of(decided).text, matchers::ContainsSubstring("there is another one"));
  }
}

TEST_CASE("a dialler that says more while it is not let in yet is refused") {
  const auto not_yet = [](const peer_info&) { return admission_answer::not_yet(); };
  pair nodes{handshake::dial(a(), secret, b_name), handshake::accept(b(), secret, not_yet)};
  nodes.run();
  REQUIRE(nodes.acceptor.undecided());
  wire::frame tick;
  tick.mutable_tick();
  CHECK(failure_of(nodes.acceptor.on_frame(body_of(tick))).reason == refusal::malformed);
  CHECK_FALSE(nodes.acceptor.undecided());
}

TEST_CASE("every refusal goes over the wire as itself and says what to do") {
  const std::map<refusal, const char*> advice = {{refusal::version, "protocol in common"},
                                                 {refusal::name, "the name it was started with"},
                                                 {refusal::self, "its own name and port"},
                                                 {refusal::alive, "its own name"},
                                                 {refusal::lost_tie, "the other connection stays"},
                                                 {refusal::credentials, "the same cookie"},
                                                 {refusal::malformed, "uses this port"},
                                                 {refusal::unavailable, "try again later"},
                                                 {refusal::certificate, "as a URI"}};
  CHECK(advice.size() == static_cast<std::size_t>(wire::refused::cause_MAX));
  for (const auto& [reason, says] : advice) {
    const auto may_join = [&](const peer_info&) { return std::optional(reason); };
    pair nodes{handshake::dial(a(), secret, b_name), handshake::accept(b(), secret, may_join)};
    nodes.run();
    for (const auto& failure : {failure_of(nodes.at_dialler), failure_of(nodes.at_acceptor)}) {
      CHECK(failure.reason == reason);
      CHECK_THAT(failure.text, matchers::ContainsSubstring(says));
      CHECK_THAT(failure.text,
                 matchers::ContainsSubstring("(" + std::string(to_string(reason)) + ")"));
    }
  }
}

TEST_CASE("a node whose certificate does not name it is refused, and both sides say so") {
  const auto certified = [](handshake_identity who, std::vector<std::string> uris) {
    who.certified = std::move(uris);
    return who;
  };
  const std::vector<std::string> names_a = {"troupe:c@127.0.0.1", "troupe:a@127.0.0.1"};
  const std::vector<std::string> names_b = {"troupe:b@127.0.0.1"};
  const auto run = [&](const std::vector<std::string>& of_a, const std::vector<std::string>& of_b) {
    pair nodes{handshake::dial(certified(a(), of_b), secret, b_name),
               handshake::accept(certified(b(), of_a), secret, anybody)};
    nodes.run();
    return std::pair(nodes.at_dialler, nodes.at_acceptor);
  };
  const auto [dialler, acceptor] = run(names_a, names_b);
  CHECK(connected(dialler));
  CHECK(connected(acceptor));
  const std::vector<std::string> none;
  const std::vector<std::string> near = {"troupe:a@127.0.0.10", "a@127.0.0.1",
                                         "troupe:a@127.0.0.1:7400", "TROUPE:a@127.0.0.1",
                                         std::string("troupe:a@127.0.0.1\0", 19)};
  for (const auto& [of_a, of_b, wrong] :
       {std::tuple(none, names_b, "names no node and not troupe:a@127.0.0.1"),
        std::tuple(near, names_b, "and not troupe:a@127.0.0.1"),
        std::tuple(names_b, names_b, "names troupe:b@127.0.0.1 and not troupe:a@127.0.0.1"),
        std::tuple(names_a, names_a, "and not troupe:b@127.0.0.1")}) {
    const auto [at_dialler, at_acceptor] = run(of_a, of_b);
    const auto here = failure_of(at_dialler);
    const auto there = failure_of(at_acceptor);
    CHECK(here.reason == refusal::certificate);
    CHECK(there.reason == refusal::certificate);
    CHECK((here.refused_by == side::us) != (there.refused_by == side::us));
    CHECK_THAT(here.refused_by == side::us ? here.text : there.text,
               matchers::ContainsSubstring(wrong));
  }
}

TEST_CASE("a refusal for a reason of a later version is a refusal") {
  wire::frame frame;
  frame.mutable_refused()->set_code(static_cast<wire::refused::cause>(4711));
  handshake dialler = handshake::dial(a(), secret, b_name);
  (void)dialler.start();
  const auto step = dialler.on_frame(body_of(frame));
  CHECK(failure_of(step).reason == refusal::unspecified);
  CHECK(failure_of(step).refused_by == side::peer);
  CHECK(step.write.empty());
}

}  // namespace
}  // namespace troupe::net::handshake_test
