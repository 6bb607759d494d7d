#include "wire/fragments.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "troupe/frame.pb.h"
#include "wire/body_reader.hpp"

namespace troupe::net {
namespace {

using google::protobuf::io::CodedOutputStream;
using format = google::protobuf::internal::WireFormatLite;

constexpr std::uint32_t fragment_tag =
    format::MakeTag(wire::frame::kFragmentFieldNumber, format::WIRETYPE_LENGTH_DELIMITED);
constexpr std::uint8_t id_tag =
    format::MakeTag(wire::fragment::kIdFieldNumber, format::WIRETYPE_VARINT);
constexpr std::uint8_t length_tag =
    format::MakeTag(wire::fragment::kLengthFieldNumber, format::WIRETYPE_VARINT);
constexpr std::uint8_t data_tag =
    format::MakeTag(wire::fragment::kDataFieldNumber, format::WIRETYPE_LENGTH_DELIMITED);

// A tag of two bytes, as they stand on the wire.
static_assert(fragment_tag >= 0x80 && fragment_tag < 0x4000);
constexpr std::uint8_t fragment_tag_first = (fragment_tag & 0x7f) | 0x80;
constexpr std::uint8_t fragment_tag_second = fragment_tag >> 7;

// Five bytes of tags, and four numbers of up to five.
constexpr std::size_t max_head_bytes = 5 + 4 * 5;

std::size_t varint_size(std::uint32_t value) noexcept {
  return CodedOutputStream::VarintSize32(value);
}

}  // namespace

void append_frame(std::vector<std::byte>& to, const fragment& part) {
  assert(!part.data.empty() && part.data.size() <= max_fragment_bytes);
  const auto data = static_cast<std::uint32_t>(part.data.size());
  const std::size_t content = 1 + varint_size(part.id) +
                              (part.length == 0 ? 0 : 1 + varint_size(part.length)) + 1 +
                              varint_size(data) + data;
  const auto inner = static_cast<std::uint32_t>(content);
  const std::size_t body = 2 + varint_size(inner) + inner;

  std::array<std::uint8_t, frame_prefix_bytes + max_head_bytes> head;
  std::uint8_t* at = head.data();
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(body >> shift);
  at = CodedOutputStream::WriteVarint32ToArray(fragment_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(inner, at);
  *at++ = id_tag;
  at = CodedOutputStream::WriteVarint32ToArray(part.id, at);
  if (part.length != 0) {
    *at++ = length_tag;
    at = CodedOutputStream::WriteVarint32ToArray(part.length, at);
  }
  *at++ = data_tag;
  at = CodedOutputStream::WriteVarint32ToArray(data, at);
  const auto bytes = std::as_bytes(std::span(head.data(), at));
  to.insert(to.end(), bytes.begin(), bytes.end());
  const auto rest = std::as_bytes(std::span(part.data));
  to.insert(to.end(), rest.begin(), rest.end());
}

std::optional<fragment> read_fragment(std::span<const std::byte> body) {
  body_reader in(body);
  fragment part;
  in.expect(fragment_tag_first);
  in.expect(fragment_tag_second);
  if (!in.ok()) return std::nullopt;
  in.expect_rest();
  in.expect(id_tag);
  part.id = in.number();
  if (in.next_is(length_tag)) part.length = in.number();
  in.expect(data_tag);
  in.expect_rest();
  if (!in.ok()) return std::nullopt;
  part.data = in.rest();
  return part;
}

// --- out ----------------------------------------------------------------------------------------

std::uint32_t fragmenter::add(std::vector<std::byte> whole) {
  assert(whole.size() > frame_prefix_bytes + 1);
  waiting_.push_back({.id = ++last_id_, .whole = std::move(whole)});
  return last_id_;
}

// A frame alone always may.
bool fragmenter::may_start(const frame& next) const {
  return started_.empty() || (started_.size() < max_unfinished_frames &&
                              started_bytes_ + next.length() <= bounds_.unfinished_bytes());
}

std::optional<std::uint32_t> fragmenter::append_next(std::vector<std::byte>& to) {
  while (!waiting_.empty() && may_start(waiting_.front())) {
    started_bytes_ += waiting_.front().length();
    started_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (started_.empty()) return std::nullopt;
  frame next = std::move(started_.front());
  started_.pop_front();
  const bool first = next.sent == frame_prefix_bytes;
  const std::size_t size = std::min(max_fragment_bytes, next.whole.size() - next.sent);
  const auto* const from = reinterpret_cast<const char*>(next.whole.data()) + next.sent;
  append_frame(to,
               fragment{.id = next.id, .length = first ? next.length() : 0, .data = {from, size}});
  next.sent += size;
  if (next.sent == next.whole.size()) {
    started_bytes_ -= next.length();
    return next.id;
  }
  started_.push_back(std::move(next));
  return std::nullopt;
}

// --- in -----------------------------------------------------------------------------------------

std::optional<std::string> reassembler::begin(const fragment& part) {
  if (unfinished_.contains(part.id)) return "a frame in fragments that is begun twice";
  if (part.length > bounds_.frame_bytes())
    return "a frame in fragments of " + std::to_string(part.length) + " bytes where " +
           std::to_string(bounds_.frame_bytes()) +
           " are allowed: its limits.message_bytes is larger than this node's; give all nodes of a "
           "cluster the same limits";
  if (part.length <= part.data.size()) return "a frame in one fragment";
  if (unfinished_.size() == max_unfinished_frames ||
      announced_ + part.length > bounds_.unfinished_bytes())
    return "more unfinished frames than are allowed";
  announced_ += part.length;
  unfinished& begun =
      unfinished_.emplace(part.id, unfinished{.length = part.length, .body = {}}).first->second;
  begun.body.reserve(part.length);
  return std::nullopt;
}

std::optional<std::string> reassembler::add(const fragment& part) {
  if (part.data.empty() || part.data.size() > max_fragment_bytes)
    return "a fragment of " + std::to_string(part.data.size()) + " bytes";
  if (part.length != 0)
    if (auto broken = begin(part)) return broken;
  const auto at = unfinished_.find(part.id);
  if (at == unfinished_.end()) return "a fragment of a frame that was not begun";
  auto& [length, body] = at->second;
  const std::size_t size = body.size() + part.data.size();
  if (size > length) return "fragments that are longer than their frame";
  const auto data = std::as_bytes(std::span(part.data));
  body.insert(body.end(), data.begin(), data.end());
  if (size < length) return std::nullopt;
  whole_ = std::move(body);
  announced_ -= length;
  unfinished_.erase(at);
  return std::nullopt;
}

}  // namespace troupe::net
