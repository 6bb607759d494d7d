// Any bytes, as the stream that a stranger sends: cut in frames, parsed, and given to a handshake
// in either role, from its start or after an honest hello. The first byte chooses the role, the
// second the size of the chunks.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "protocol/handshake.hpp"
#include "wire/fragments.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"
#include "wire/limits.hpp"

namespace {

using namespace troupe::net;
using bytes = std::span<const std::byte>;

void expect(bool promise) {
  if (!promise) std::abort();
}

node_name name(std::string_view text) { return std::get<node_name>(node_name::parse(text)); }

handshake_identity identity(std::string_view text, std::uint64_t incarnation) {
  handshake_identity out{.name = name(text), .incarnation = incarnation};
  out.fresh_nonce.fill(static_cast<std::byte>(incarnation));
  return out;
}

const cookie& secret() {
  static const cookie out =
      std::get<cookie>(cookie::from_text("0123456789abcdef0123456789abcdef", "the fuzzer"));
  return out;
}

template <class Use>
void each_body(bytes stream, std::size_t chunk, std::uint32_t cap, Use&& use) {
  frame_splitter splitter(cap);
  for (; !stream.empty(); stream = stream.subspan(std::min(chunk, stream.size()))) {
    splitter.feed(stream.first(std::min(chunk, stream.size())));
    while (const auto body = splitter.next()) {
      expect(!body->empty() && body->size() <= cap);
      use(*body);
    }
    expect(splitter.capacity() <= cap);
    if (splitter.error()) return expect(!splitter.error()->text().empty());
  }
}

void parse(bytes body) {
  const auto frame = parse_frame(body);
  if (const auto part = read_fragment(body)) {
    expect(frame && frame->has_fragment());
    expect(frame->fragment().id() == part->id && frame->fragment().length() == part->length &&
           frame->fragment().data() == part->data);
  }
  if (!frame) return;
  std::vector<std::byte> out;
  append_frame(out, *frame);
  expect(parse_frame(bytes(out).subspan(frame_prefix_bytes)).has_value());
}

// Nobody joins without the cookie, whatever he says.
void check(const handshake_step& step) {
  expect(!std::holds_alternative<peer_info>(step.outcome));
  expect(step.write.size() <= max_handshake_frame_bytes + frame_prefix_bytes);
  if (const auto* failure = std::get_if<handshake_failure>(&step.outcome))
    expect(!failure->text.empty());
}

void shake(bytes stream, std::size_t chunk, bool dials, bool greeted) {
  const auto anybody = [](const peer_info&) { return std::optional<refusal>(); };
  const auto us = identity("a@127.0.0.1:7400", 1);
  const auto them = identity("b@127.0.0.1:7401", 2);
  auto here =
      dials ? handshake::dial(us, secret(), them.name) : handshake::accept(us, secret(), anybody);
  const auto start = here.start();
  check(start);
  if (greeted) {
    auto there = dials ? handshake::accept(them, secret(), anybody)
                       : handshake::dial(them, secret(), us.name);
    auto hello = there.start();
    if (dials) hello = there.on_frame(bytes(start.write).subspan(frame_prefix_bytes));
    const auto step = here.on_frame(bytes(hello.write).subspan(frame_prefix_bytes));
    expect(std::holds_alternative<handshake_step::going_on>(step.outcome));
    check(step);
  }
  each_body(stream, chunk, max_handshake_frame_bytes,
            [&](bytes body) { check(here.on_frame(body)); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t chunk = std::size_t{data[1]} + 1;
  const bytes stream = std::as_bytes(std::span(data, size)).subspan(2);
  each_body(stream, chunk, 64 * 1024, parse);
  shake(stream, chunk, (data[0] & 1) != 0, (data[0] & 2) != 0);
  return 0;
}
