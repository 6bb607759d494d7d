#include "wire/send_frame.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cassert>
#include <cstring>

#include "troupe/frame.pb.h"
#include "wire/body_reader.hpp"
#include "wire/frame.hpp"
#include "wire/limits.hpp"

namespace troupe::net {
namespace {

using google::protobuf::io::CodedOutputStream;
using format = google::protobuf::internal::WireFormatLite;

constexpr std::uint8_t tag(int field, format::WireType type) noexcept {
  return static_cast<std::uint8_t>(format::MakeTag(field, type));
}
constexpr std::uint8_t send_tag =
    tag(wire::frame::kSendFieldNumber, format::WIRETYPE_LENGTH_DELIMITED);
constexpr std::uint8_t to_tag = tag(wire::send::kToFieldNumber, format::WIRETYPE_FIXED64);
constexpr std::uint8_t name_tag = tag(wire::send::kNameFieldNumber, format::WIRETYPE_VARINT);
constexpr std::uint8_t message_tag =
    tag(wire::send::kMessageFieldNumber, format::WIRETYPE_LENGTH_DELIMITED);
constexpr std::uint8_t type_tag = tag(wire::value::kTypeFieldNumber, format::WIRETYPE_VARINT);
constexpr std::uint8_t payload_tag =
    tag(wire::value::kPayloadFieldNumber, format::WIRETYPE_LENGTH_DELIMITED);

std::size_t varint_size(std::uint64_t value) noexcept {
  return CodedOutputStream::VarintSize64(value);
}

}  // namespace

// Each length covers all that follows, so sizes are found from the back and bytes written from the
// front.
void append_frame(std::vector<std::byte>& to, const send_frame& frame) {
  const std::size_t payload =
      frame.payload.empty() ? 0 : 1 + varint_size(frame.payload.size()) + frame.payload.size();
  const std::size_t message = 1 + varint_size(frame.type) + payload;
  const std::size_t target = 1 + (frame.named ? varint_size(frame.target) : 8);
  const std::size_t send = target + 1 + varint_size(message) + message;
  const std::size_t body = 1 + varint_size(send) + send;
  assert(body <= INT32_MAX);

  const std::size_t start = to.size();
  to.resize(start + frame_prefix_bytes + body);
  auto* at = reinterpret_cast<std::uint8_t*>(to.data() + start);
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(body >> shift);
  *at++ = send_tag;
  at = CodedOutputStream::WriteVarint64ToArray(send, at);
  *at++ = frame.named ? name_tag : to_tag;
  at = frame.named ? CodedOutputStream::WriteVarint64ToArray(frame.target, at)
                   : CodedOutputStream::WriteLittleEndian64ToArray(frame.target, at);
  *at++ = message_tag;
  at = CodedOutputStream::WriteVarint64ToArray(message, at);
  *at++ = type_tag;
  at = CodedOutputStream::WriteVarint64ToArray(frame.type, at);
  if (frame.payload.empty()) return;
  *at++ = payload_tag;
  at = CodedOutputStream::WriteVarint64ToArray(frame.payload.size(), at);
  std::memcpy(at, frame.payload.data(), frame.payload.size());
}

namespace {

// Most are short and to a pid: then each number is one byte, and each byte has its place.
std::optional<send_frame> read_short_send(std::span<const std::byte> body) {
  constexpr std::size_t head = 17;
  if (body.size() < head || body.size() >= 2 + 0x80) return std::nullopt;
  const auto* const at = reinterpret_cast<const std::uint8_t*>(body.data());
  const auto reaches_end = [&](std::size_t length) {
    return at[length] == body.size() - length - 1;
  };
  if (at[0] != send_tag || !reaches_end(1) || at[2] != to_tag || at[11] != message_tag ||
      !reaches_end(12) || at[13] != type_tag || at[14] >= 0x80 || at[15] != payload_tag ||
      !reaches_end(16))
    return std::nullopt;
  std::uint64_t target = 0;
  google::protobuf::io::CodedInputStream::ReadLittleEndian64FromArray(at + 3, &target);
  return send_frame{.target = target,
                    .type = at[14],
                    .payload = {reinterpret_cast<const char*>(at + head), body.size() - head}};
}

}  // namespace

std::optional<send_frame> read_send(std::span<const std::byte> body) {
  if (const auto plain = read_short_send(body)) [[likely]]
    return plain;
  body_reader in(body);
  send_frame frame;
  in.expect(send_tag);
  in.expect_rest();
  if (!in.ok()) return std::nullopt;
  frame.named = in.next_is(name_tag);
  if (frame.named) {
    frame.target = in.number();
  } else {
    in.expect(to_tag);
    frame.target = in.fixed64();
  }
  in.expect(message_tag);
  in.expect_rest();
  in.expect(type_tag);
  frame.type = in.number();
  if (in.ok() && !in.at_end()) {
    in.expect(payload_tag);
    in.expect_rest();
  }
  if (!in.ok()) return std::nullopt;
  frame.payload = in.rest();
  return frame;
}

}  // namespace troupe::net
