#pragma once
// Two handshakes joined back to back, for the tests of the handshake.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/handshake.hpp"
#include "support/catch.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"
#include "wire/limits.hpp"

namespace troupe::net::handshake_test {

using bytes = std::vector<std::byte>;
using side = handshake_failure::side;

inline cookie make_cookie(std::string_view text) {
  return std::get<cookie>(cookie::from_text(text, "a test"));
}

inline const cookie secret = make_cookie("0123456789abcdef0123456789abcdef");
inline const cookie other_secret = make_cookie("0123456789abcdef0123456789abcdeF");
inline const cookie short_secret = make_cookie("0123456789abcdef");

inline node_name name(std::string_view text) { return std::get<node_name>(node_name::parse(text)); }

inline const node_name a_name = name("a@127.0.0.1:7400");
inline const node_name b_name = name("b@127.0.0.1:7401");

inline nonce nonce_from(unsigned first) {
  nonce out;
  for (std::byte& byte : out) byte = static_cast<std::byte>(first++);
  return out;
}

inline handshake_identity a() {
  return {.name = a_name, .incarnation = 1, .fresh_nonce = nonce_from(0), .features = 5};
}
inline handshake_identity b() {
  return {.name = b_name,
          .incarnation = 2,
          .fresh_nonce = nonce_from(32),
          .features = 6,
          .hidden = true};
}

inline std::optional<refusal> anybody(const peer_info&) { return std::nullopt; }

// The one body in what a step writes; nothing if it writes nothing.
inline bytes body_of(const handshake_step& step) {
  frame_splitter splitter(max_handshake_frame_bytes);
  splitter.feed(step.write);
  const auto body = splitter.next();
  if (!body) return {};
  bytes out(body->begin(), body->end());
  CHECK_FALSE(splitter.next());
  CHECK_FALSE(splitter.mid_frame());
  return out;
}

inline bytes body_of(const wire::frame& frame) {
  const std::string text = frame.SerializeAsString();
  const auto data = std::as_bytes(std::span(text));
  return {data.begin(), data.end()};
}

inline wire::frame frame_of(const handshake_step& step) {
  const auto frame = parse_frame(body_of(step));
  REQUIRE(frame);
  return *frame;
}

inline bool going_on(const handshake_step& step) {
  return std::holds_alternative<handshake_step::going_on>(step.outcome);
}
inline bool connected(const handshake_step& step) {
  return std::holds_alternative<peer_info>(step.outcome);
}
inline handshake_failure failure_of(const handshake_step& step) {
  REQUIRE(std::holds_alternative<handshake_failure>(step.outcome));
  return std::get<handshake_failure>(step.outcome);
}

inline std::string hex(std::span<const std::byte> data) {
  std::string out;
  for (const std::byte byte : data)
    for (const unsigned shift : {4u, 0u})
      out += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> shift & 15u];
  return out;
}

// Two handshakes joined back to back, with somebody on the way.
struct pair {
  handshake dialler;
  handshake acceptor;
  std::function<void(wire::frame::KindCase, bytes&)> on_the_way = [](wire::frame::KindCase,
                                                                     bytes&) {};
  handshake_step at_dialler{};  // the last step of each
  handshake_step at_acceptor{};

  void run() {
    at_dialler = dialler.start();
    at_acceptor = acceptor.start();
    CHECK(at_acceptor.write.empty());
    for (;;) {
      if (!pass(at_dialler, acceptor, at_acceptor)) return;
      if (!pass(at_acceptor, dialler, at_dialler)) return;
    }
  }

 private:
  // Whether there was something to hand over and the receiver answered it.
  bool pass(handshake_step& from, handshake& to, handshake_step& result) const {
    bytes body = body_of(from);
    if (body.empty()) return false;
    on_the_way(parse_frame(body)->kind_case(), body);
    from.write.clear();
    result = to.on_frame(body);
    return true;
  }
};

inline pair honest_pair() {
  return {handshake::dial(a(), secret, b_name), handshake::accept(b(), secret, anybody)};
}

inline wire::frame hello_of(const handshake_identity& who) {
  return frame_of(handshake::dial(who, secret, name("nobody@h:1")).start());
}

}  // namespace troupe::net::handshake_test
