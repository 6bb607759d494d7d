// Several handshakes between two nodes at once, with somebody on the way who may hand any frame to
// anybody: again, to another handshake, back to its writer, changed or cut short; and who may let
// time run out. A node that is let in has had one conversation with one other handshake, and both
// have seen the same.
#include <google/protobuf/stubs/logging.h>

#include <memory>
#include <optional>
#include <vector>

#include "protocol/handshake.hpp"
#include "script.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"
#include "wire/limits.hpp"

namespace {

using namespace troupe_fuzz;
using troupe_fuzz::bytes;  // not troupe::bytes
using namespace troupe::net;
using body = std::vector<std::byte>;

const cookie& secret() {
  static const cookie out =
      std::get<cookie>(cookie::from_text("0123456789abcdef0123456789abcdef", "the fuzzer"));
  return out;
}

handshake_identity identity(bool a, unsigned draw) {
  handshake_identity out{
      .name = std::get<node_name>(node_name::parse(a ? "a@127.0.0.1:7400" : "b@127.0.0.1:7401")),
      .incarnation = a ? 1u : 2u,
      .features = a ? 5u : 6u};
  out.fresh_nonce.fill(static_cast<std::byte>(draw));
  return out;
}

// One end of one connection.
struct end {
  handshake shake;
  bool dials;
  std::vector<body> wrote = {};
  std::vector<body> took = {};
  bool over = false;
  std::optional<peer_info> peer = {};
};

// What x has had, y has said, and the other way round, as far as x can know.
bool match(const end& x, const end& y) {
  const std::size_t known = x.dials ? 2 : 1;  // the welcome may still be under way
  if (x.dials == y.dials || y.took.size() < known || x.wrote.size() < known) return false;
  for (std::size_t i = 0; i < known; ++i)
    if (x.wrote[i] != y.took[i]) return false;
  return y.wrote.size() >= x.took.size() &&
         std::equal(x.took.begin(), x.took.end(), y.wrote.begin());
}

class run {
 public:
  explicit run(script in) : in_(in) {
    const auto admission = [this](const peer_info&) { return verdict_; };
    for (unsigned i = 0; i < 3; ++i) {
      const bool a_dials = i != 2;
      ends_.push_back(
          {handshake::dial(identity(a_dials, 10 + i), secret(), identity(!a_dials, 1).name), true});
      ends_.push_back({handshake::accept(identity(!a_dials, 20 + i), secret(), admission), false});
    }
    for (end& e : ends_) note(e, e.shake.start());
  }

  void go() {
    while (!in_.done()) {
      end& e = ends_[in_.number(static_cast<unsigned>(ends_.size()))];
      switch (in_.number(10)) {
        case 0: verdict_ = some_verdict(); break;
        case 1: time_out(e); break;
        case 2: give(e, any_bytes()); break;
        case 3: decide(e); break;
        default: give(e, some_frame());
      }
    }
  }

 private:
  admission_answer some_verdict() {
    switch (in_.number(5)) {
      case 0: return {refusal::lost_tie};
      case 1: return {refusal::unavailable};
      case 2: return admission_answer::not_yet();
      default: return {};
    }
  }

  void decide(end& e) {
    if (!e.over && e.shake.undecided()) note(e, e.shake.decide(verdict_));
  }

  // Its owner gives up.
  static void time_out(end& e) {
    expect(!e.shake.waiting_for().empty(), "who waits can say for what");
    e.over = true;
  }

  body any_bytes() {
    const auto some = in_.piece(1 + in_.number(64));
    return {some.begin(), some.end()};
  }
  body some_frame() {
    const body& chosen = seen_[in_.number() % seen_.size()];
    body out = chosen;
    switch (in_.number(8)) {
      case 0: out[in_.number() % out.size()] ^= static_cast<std::byte>(1 + in_.number(255)); break;
      case 1: out.resize(1 + in_.number() % out.size()); break;
      case 2: out = with_shorter_proof(out); break;
      default: break;
    }
    return out;
  }

  body with_shorter_proof(const body& of) {
    auto frame = parse_frame(of);
    if (!frame) return of;
    std::string* const proof = frame->has_proof()     ? frame->mutable_proof()->mutable_mac()
                               : frame->has_welcome() ? frame->mutable_welcome()->mutable_mac()
                                                      : nullptr;
    if (proof == nullptr) return of;
    proof->resize(in_.number() % (proof->size() + 1));
    body out;
    append_frame(out, *frame);
    out.erase(out.begin(), out.begin() + frame_prefix_bytes);
    return out;
  }

  void give(end& e, const body& what) {
    if (e.over || what.empty()) return;
    e.took.push_back(what);
    note(e, e.shake.on_frame(what));
  }

  void note(end& e, const handshake_step& step) {
    frame_splitter splitter(max_handshake_frame_bytes);
    splitter.feed(step.write);
    while (const auto out = splitter.next()) {
      expect(parse_frame(*out).has_value(), "what a handshake writes can be read");
      e.wrote.emplace_back(out->begin(), out->end());
      seen_.push_back(e.wrote.back());
    }
    expect(!splitter.error() && !splitter.mid_frame(), "a handshake writes whole frames");
    if (const auto* failure = std::get_if<handshake_failure>(&step.outcome)) {
      expect(!failure->text.empty(), "a refusal says why");
      expect(std::holds_alternative<handshake_failure>(e.shake.on_frame(body(1)).outcome),
             "a handshake that is over takes nothing any more");
      e.over = true;
    }
    if (const auto* peer = std::get_if<peer_info>(&step.outcome)) let_in(e, *peer);
  }

  void let_in(end& e, const peer_info& peer) {
    e.over = true;
    e.peer = peer;
    int partners = 0;
    for (const end& other : ends_) partners += match(e, other);
    expect(partners == 1, "who is let in had one conversation with one other handshake");
    expect(peer.features == 4 && peer.protocol == newest_protocol, "both agree on what both have");
    if (!e.dials)
      expect(!verdict_.no && !verdict_.later, "nobody is let in against the owner's word");
  }

  script in_;
  admission_answer verdict_;
  std::vector<end> ends_;
  std::vector<body> seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  run(script(data, size)).go();
  return 0;
}
