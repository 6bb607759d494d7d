// The frame that is written and read by hand: it must be protobuf's.
#include "wire/send_frame.hpp"

#include <string>
#include <vector>

#include "fuzz/connection_host.hpp"
#include "support/catch.hpp"
#include "wire/frame.hpp"

using namespace troupe::net;
using troupe::wire::frame;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Their payloads are those of the argument.
std::vector<send_frame> all_kinds(const std::vector<std::string>& payloads) {
  std::vector<send_frame> all;
  for (const std::string& payload : payloads)
    for (const std::uint32_t type : {2u, 127u, 128u, 65537u})
      for (const std::uint64_t target : {std::uint64_t{0}, std::uint64_t{300}, UINT64_MAX}) {
        all.push_back({.target = target, .type = type, .payload = payload});
        all.push_back({.named = true,
                       .target = static_cast<std::uint32_t>(target),
                       .type = type,
                       .payload = payload});
      }
  return all;
}

frame as_protobuf(const send_frame& from) {
  frame made;
  auto& send = *made.mutable_send();
  if (from.named)
    send.set_name(static_cast<std::uint32_t>(from.target));
  else
    send.set_to(from.target);
  send.mutable_message()->set_type(from.type);
  send.mutable_message()->set_payload(std::string(from.payload));
  return made;
}

// Lengths of which the varint, or that of a length around it, becomes longer.
const std::vector<std::string> payloads = {"",
                                           "x",
                                           std::string(100, 'a'),
                                           std::string(127, 'b'),
                                           std::string(128, 'c'),
                                           std::string(16384, 'd'),
                                           std::string(1 << 21, 'e')};

const std::vector<std::string> short_payloads = {"", "payload", std::string(130, 'x')};

}  // namespace

TEST_CASE("a send frame has the bytes that protobuf gives it") {
  for (const send_frame& from : all_kinds(payloads)) {
    std::vector<std::byte> by_hand;
    std::vector<std::byte> by_protobuf;
    append_frame(by_hand, from);
    append_frame(by_protobuf, as_protobuf(from));
    REQUIRE(by_hand == by_protobuf);
  }
}

TEST_CASE("a send frame is read as it was written") {
  for (const send_frame& from : all_kinds(payloads)) {
    std::vector<std::byte> stream;
    append_frame(stream, from);
    const auto got = read_send(std::span(stream).subspan(frame_prefix_bytes));
    REQUIRE(got);
    CHECK(got->named == from.named);
    CHECK(got->target == from.target);
    CHECK(got->type == from.type);
    CHECK((got->payload == from.payload));
  }
}

TEST_CASE("a send frame that is cut off or longer than it says is not read") {
  for (const send_frame& from : all_kinds(short_payloads)) {
    const std::string whole = as_protobuf(from).SerializeAsString();
    for (std::size_t length = 0; length < whole.size(); ++length)
      REQUIRE_FALSE(read_send(bytes_of(whole).first(length)));
    REQUIRE_FALSE(read_send(bytes_of(whole + '\0')));
    REQUIRE_FALSE(read_send(bytes_of(whole + whole)));
  }
  REQUIRE_FALSE(read_send(bytes_of("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
}

TEST_CASE("what a changed byte makes of a send frame is what protobuf makes of it or is not read") {
  int read = 0;
  for (const send_frame& from : all_kinds(short_payloads)) {
    const std::string whole = as_protobuf(from).SerializeAsString();
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (const int change : {1, 2, 8, 0x80, 0xff}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ change);
        const auto got = read_send(bytes_of(changed));
        if (!got) continue;
        ++read;
        const auto parsed = parse_frame(bytes_of(changed));
        REQUIRE(parsed);
        REQUIRE(parsed->SerializeAsString() == as_protobuf(*got).SerializeAsString());
      }
  }
  CHECK(read > 0);
}

TEST_CASE("a send in another form than ours arrives as well") {
  using namespace troupe_fuzz;
  mention_types();
  fake_node node;
  std::vector<std::uint64_t> got;
  node.on_deliver = [&](const troupe::destination& to, troupe::message& what) {
    CHECK(to.id() == pid{0, 5});
    const note* taken = what.get_if<note>();
    REQUIRE(taken != nullptr);
    got.push_back(taken->number);
  };
  connection engine(node, 1, {});
  frame define;
  define.mutable_define_name()->set_id(2);
  define.mutable_define_name()->set_kind(troupe::wire::define_name::type);
  define.mutable_define_name()->set_text(std::string(type_of<note>.name));
  const auto give = [&](const std::string& body) {
    CHECK(engine.on_frame(bytes_of(body)) == std::nullopt);
  };
  give(define.SerializeAsString());

  frame with_sender = as_protobuf({.target = 5, .type = 2, .payload = "\x08\x01"});
  give(with_sender.SerializeAsString());
  with_sender.mutable_send()->set_from(9);
  REQUIRE_FALSE(read_send(bytes_of(with_sender.SerializeAsString())));
  give(with_sender.SerializeAsString());
  CHECK(got == std::vector<std::uint64_t>{1, 1});
}
