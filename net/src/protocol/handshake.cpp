#include "protocol/handshake.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "wire/frame.hpp"
#include "wire/limits.hpp"
#include "wire/printable.hpp"

namespace troupe::net {

static_assert(static_cast<int>(refusal::version) == wire::refused::version &&
              static_cast<int>(refusal::name) == wire::refused::name &&
              static_cast<int>(refusal::self) == wire::refused::self &&
              static_cast<int>(refusal::alive) == wire::refused::alive &&
              static_cast<int>(refusal::lost_tie) == wire::refused::lost_tie &&
              static_cast<int>(refusal::credentials) == wire::refused::credentials &&
              static_cast<int>(refusal::malformed) == wire::refused::malformed &&
              static_cast<int>(refusal::unavailable) == wire::refused::unavailable &&
              static_cast<int>(refusal::certificate) == wire::refused::certificate);

struct handshake::incoming {
  std::span<const std::byte> body;
  wire::frame frame;
};

// The one gate: what is not in this table ends the handshake before anything looks at it.
struct handshake::transition {
  state at;
  wire::frame::KindCase kind;
  handshake_step (handshake::*then)(const incoming&);

  static const transition allowed[];
};

const handshake::transition handshake::transition::allowed[] = {
    {state::dialler_hello, wire::frame::kHello, &handshake::on_acceptor_hello},
    {state::dialler_hello, wire::frame::kRefused, &handshake::on_refused},
    {state::dialler_welcome, wire::frame::kWelcome, &handshake::on_welcome},
    {state::dialler_welcome, wire::frame::kRefused, &handshake::on_refused},
    {state::acceptor_hello, wire::frame::kHello, &handshake::on_dialler_hello},
    {state::acceptor_proof, wire::frame::kProof, &handshake::on_proof},
    {state::acceptor_proof, wire::frame::kRefused, &handshake::on_refused},
};

namespace {

struct refusal_texts {
  std::string_view word;
  std::string_view advice;  // true at both ends
};

refusal_texts texts(refusal reason) {
  switch (reason) {
    case refusal::version:
      return {"version", "run versions of troupe that have a protocol in common"};
    case refusal::name:
      return {"name",
              "dial each node by the name it was started with, and give no two nodes the "
              "same name"};
    case refusal::self:
      return {"self", "a node reached itself: give every node its own name and port"};
    case refusal::alive:
      return {"alive",
              "another node of the dialler's name is connected there and answers: give every node "
              "its own name"};
    case refusal::lost_tie:
      return {"lost_tie",
              "both nodes dialled at the same time and the other connection stays; "
              "nothing need be done"};
    case refusal::credentials:
      return {"credentials",
              "the cookies of the two nodes differ, or bytes were changed on the "
              "way: give all nodes of a cluster the same cookie"};
    case refusal::malformed:
      return {"malformed",
              "check that a troupe node, and nothing else, uses this port at both "
              "ends"};
    case refusal::unavailable:
      return {"unavailable", "the node takes no connection now; try again later"};
    case refusal::certificate:
      return {"certificate",
              "give each node a certificate that has troupe:app@host of its name among its subject "
              "alternative names, as a URI"};
    case refusal::unspecified: break;
  }
  return {"unspecified", "one of the two nodes is newer and knows more reasons: look in its log"};
}

refusal from_wire(wire::refused::cause code) {
  // Numbers that this version does not know arrive as they are.
  const bool known = code >= wire::refused::unspecified && code <= wire::refused::certificate;
  return known ? static_cast<refusal>(code) : refusal::unspecified;
}

std::string range(std::uint32_t lowest, std::uint32_t highest) {
  return "protocol " + std::to_string(lowest) + " to " + std::to_string(highest);
}

std::vector<std::byte> serialized(const wire::frame& frame) {
  std::vector<std::byte> out;
  append_frame(out, frame);
  return out;
}

std::string listed(const std::vector<std::string>& uris) {
  constexpr std::size_t longest = 300;
  std::string out;
  for (const auto& uri : uris) out += (out.empty() ? "" : " ") + uri;
  return out.empty() ? "no node" : printable(out, longest);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

std::string_view to_string(refusal reason) noexcept { return texts(reason).word; }

handshake::handshake(state first, handshake_identity us, const cookie& secret,
                     std::optional<node_name> dialled, admission may_join)
    : state_(first),
      us_(std::move(us)),
      secret_(&secret),
      dialled_(std::move(dialled)),
      may_join_(std::move(may_join)) {
  assert(us_.incarnation != 0 && us_.name.port() != 0);
  assert(us_.fresh_nonce != nonce{} && "the nonce must be drawn from the system's entropy");
  assert(us_.protocol_min >= 1 && us_.protocol_min <= us_.protocol_max);
}

handshake handshake::dial(handshake_identity us, const cookie& secret, node_name peer) {
  return {state::dialler_hello, std::move(us), secret, std::move(peer), nullptr};
}

handshake handshake::accept(handshake_identity us, const cookie& secret, admission may_join) {
  assert(may_join);
  return {state::acceptor_hello, std::move(us), secret, std::nullopt, std::move(may_join)};
}

handshake_step handshake::start() {
  if (state_ != state::dialler_hello) return {};
  assert(dialler_hello_.empty() && "start() is called once");
  dialler_hello_ = hello_body();
  handshake_step step;
  append_part(step.write, dialler_hello_);
  return step;
}

handshake_step handshake::on_frame(std::span<const std::byte> body) {
  assert((state_ != state::dialler_hello || !dialler_hello_.empty()) && "start() comes first");
  if (body.size() > max_handshake_frame_bytes)
    return fail(refuse(refusal::malformed, "a frame of " + std::to_string(body.size()) +
                                               " bytes is longer than a handshake has"));
  auto frame = parse_frame(body);
  if (!frame) return fail(refuse(refusal::malformed, "a frame cannot be read"));
  const incoming in{body, *std::move(frame)};
  const auto* found = std::ranges::find_if(transition::allowed, [&](const transition& line) {
    return line.at == state_ && line.kind == in.frame.kind_case();
  });
  if (found != std::end(transition::allowed)) return (this->*found->then)(in);
  return fail(refuse(refusal::malformed, "a frame of kind " + std::to_string(in.frame.kind_case()) +
                                             " came instead of " + std::string(waiting_for())));
}

std::string_view handshake::waiting_for() const noexcept {
  switch (state_) {
    case state::dialler_hello: return "the acceptor's hello";
    case state::dialler_welcome: return "the acceptor's welcome";
    case state::acceptor_hello: return "the dialler's hello";
    case state::acceptor_proof: return "the dialler's proof";
    case state::acceptor_decision: return "a word of the node of that name that is connected";
    case state::finished: break;
  }
  return "nothing: the handshake is over";
}

// ---- the dialler ----------------------------------------------------------------------------

handshake_step handshake::on_acceptor_hello(const incoming& in) {
  if (auto failure = learn_peer(in)) return fail(*std::move(failure));
  acceptor_hello_.assign(in.body.begin(), in.body.end());
  const mac proof = secret_->prove(role::dialler, transcript(role::dialler));
  wire::frame frame;
  frame.mutable_proof()->set_mac(proof.data(), proof.size());
  state_ = state::dialler_welcome;
  return {.write = serialized(frame), .outcome = {}};
}

handshake_step handshake::on_welcome(const incoming& in) {
  if (!proves(role::acceptor, in.frame.welcome().mac()))
    return fail(refuse(refusal::credentials, "its proof is wrong"));
  return done({});
}

// ---- the acceptor ---------------------------------------------------------------------------

handshake_step handshake::on_dialler_hello(const incoming& in) {
  if (auto failure = learn_peer(in)) return fail(*std::move(failure));
  if (const auto may_join = may_join_(*peer_); may_join.no)
    return fail(refuse(*may_join.no, may_join.what));
  dialler_hello_.assign(in.body.begin(), in.body.end());
  acceptor_hello_ = hello_body();
  state_ = state::acceptor_proof;
  handshake_step step;
  append_part(step.write, acceptor_hello_);
  return step;
}

handshake_step handshake::on_proof(const incoming& in) {
  if (!proves(role::dialler, in.frame.proof().mac()))
    return fail(refuse(refusal::credentials, "its proof is wrong"));
  state_ = state::acceptor_decision;
  return decide(may_join_(*peer_));
}

handshake_step handshake::decide(const admission_answer& may_join) {
  assert(undecided());
  if (may_join.later) return {};
  if (may_join.no) return fail(refuse(*may_join.no, may_join.what));
  // Only now, when the dialler is known, does anything made from the secret leave this node.
  const mac proof = secret_->prove(role::acceptor, transcript(role::acceptor));
  wire::frame frame;
  frame.mutable_welcome()->set_mac(proof.data(), proof.size());
  return done(serialized(frame));
}

// ---- both -----------------------------------------------------------------------------------

handshake_step handshake::on_refused(const incoming& in) {
  const wire::refused& refused = in.frame.refused();
  handshake_failure failure = refuse(
      from_wire(refused.code()), "it refused the connection; it speaks " +
                                     range(refused.protocol_min(), refused.protocol_max()) +
                                     " and this node " + range(us_.protocol_min, us_.protocol_max));
  failure.refused_by = handshake_failure::side::peer;
  return fail(std::move(failure));
}

// The version comes first: what else a hello of a later protocol holds is not known here.
std::optional<handshake_failure> handshake::learn_peer(const incoming& in) {
  const wire::hello& hello = in.frame.hello();
  const std::uint32_t lowest = hello.protocol_min();
  const std::uint32_t highest = hello.protocol_max();
  if (lowest < 1 || lowest > highest)
    return refuse(refusal::malformed,
                  "its hello has the impossible range " + range(lowest, highest));
  if (lowest > us_.protocol_max || highest < us_.protocol_min)
    return refuse(refusal::version, "it speaks " + range(lowest, highest) + " and this node " +
                                        range(us_.protocol_min, us_.protocol_max));
  if (hello.nonce().size() != nonce_bytes)
    return refuse(refusal::malformed, "its nonce has " + std::to_string(hello.nonce().size()) +
                                          " bytes instead of " + std::to_string(nonce_bytes));
  if (hello.incarnation() == 0)
    return refuse(refusal::malformed, "its incarnation is 0, which no node has");
  auto name = node_name::parse(hello.node_name());
  if (const auto* wrong = std::get_if<node_name_error>(&name))
    return refuse(refusal::malformed, "its hello has a " + wrong->text);
  if (std::ranges::equal(bytes_of(hello.nonce()), us_.fresh_nonce))
    return refuse(refusal::self, "this node's own nonce came back");
  peer_ = {.name = std::get<node_name>(std::move(name)),
           .incarnation = hello.incarnation(),
           .hidden = hello.hidden(),
           .protocol = std::min(highest, us_.protocol_max),
           .features = hello.features() & us_.features};
  return check_identity(*peer_);
}

std::optional<handshake_failure> handshake::check_identity(const peer_info& peer) const {
  if (peer.name == us_.name && peer.incarnation == us_.incarnation)
    return refuse(refusal::self, "it has this node's own name and incarnation");
  if (peer.name == us_.name) return refuse(refusal::name, "it has this node's own name");
  if (dialled_ && peer.name != *dialled_)
    return refuse(refusal::name, "it answered where " + dialled_->text() + " was dialled");
  if (us_.certified && std::ranges::find(*us_.certified, peer.name.uri()) == us_.certified->end())
    return refuse(refusal::certificate, "its certificate names " + listed(*us_.certified) +
                                            " and not " + peer.name.uri());
  return std::nullopt;
}

std::vector<std::byte> handshake::hello_body() const {
  wire::frame frame;
  wire::hello& hello = *frame.mutable_hello();
  hello.set_protocol_min(us_.protocol_min);
  hello.set_protocol_max(us_.protocol_max);
  hello.set_node_name(us_.name.text());
  hello.set_incarnation(us_.incarnation);
  hello.set_nonce(us_.fresh_nonce.data(), us_.fresh_nonce.size());
  hello.set_features(us_.features);
  hello.set_hidden(us_.hidden);
  std::vector<std::byte> body = serialized(frame);
  body.erase(body.begin(), body.begin() + frame_prefix_bytes);
  assert(body.size() <= max_handshake_frame_bytes);
  return body;
}

// Everything that either side said, as it went over the wire: a bit changed on the way gives the
// two sides different transcripts.
std::vector<std::byte> handshake::transcript(role prover) const {
  std::vector<std::byte> out;
  append_part(out, dialler_hello_);
  append_part(out, acceptor_hello_);
  append_part(out, bytes_of(to_string(prover)));
  append_part(out, us_.channel_binding);
  return out;
}

bool handshake::proves(role prover, std::string_view proof) const {
  return secret_->verify(prover, transcript(prover), bytes_of(proof));
}

handshake_failure handshake::refuse(refusal reason, const std::string& what) const {
  const std::string who = peer_      ? peer_->name.text()
                          : dialled_ ? dialled_->text()
                                     : std::string("a peer that has not said its name");
  return {.reason = reason,
          .refused_by = handshake_failure::side::us,
          .text = "handshake with " + who + " failed (" + std::string(texts(reason).word) +
                  "): " + what + "; " + std::string(texts(reason).advice)};
}

// The peer gets one word and our protocol numbers, no more. It gets nothing when it refused itself,
// and nothing from a dialler that has proved itself: the acceptor then reads the connected
// protocol.
handshake_step handshake::fail(handshake_failure failure) {
  handshake_step step;
  const bool peer_listens = state_ != state::dialler_welcome && state_ != state::finished &&
                            failure.refused_by == handshake_failure::side::us;
  if (peer_listens) {
    wire::frame frame;
    wire::refused& refused = *frame.mutable_refused();
    refused.set_code(static_cast<wire::refused::cause>(failure.reason));
    refused.set_protocol_min(us_.protocol_min);
    refused.set_protocol_max(us_.protocol_max);
    step.write = serialized(frame);
  }
  state_ = state::finished;
  step.outcome = std::move(failure);
  return step;
}

handshake_step handshake::done(std::vector<std::byte> write) {
  state_ = state::finished;
  return {.write = std::move(write), .outcome = *peer_};
}

}  // namespace troupe::net
