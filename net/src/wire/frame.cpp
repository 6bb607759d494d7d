#include "wire/frame.hpp"

#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <cassert>

#include "wire/limits.hpp"

namespace troupe::net {
namespace {

void append_big_endian(std::vector<std::byte>& to, std::size_t length) {
  assert(length <= UINT32_MAX);
  for (int shift = 24; shift >= 0; shift -= 8)
    to.push_back(static_cast<std::byte>((length >> shift) & 0xff));
}

}  // namespace

void append_part(std::vector<std::byte>& to, std::span<const std::byte> part) {
  append_big_endian(to, part.size());
  to.insert(to.end(), part.begin(), part.end());
}

void append_frame(std::vector<std::byte>& to, const wire::frame& frame) {
  const std::size_t length = frame.ByteSizeLong();
  append_big_endian(to, length);
  const std::size_t start = to.size();
  to.resize(start + length);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(to.data() + start));
}

std::optional<wire::frame> parse_frame(std::span<const std::byte> body) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  input.SetRecursionLimit(max_frame_nesting);
  std::optional<wire::frame> frame(std::in_place);
  if (!frame->ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) return std::nullopt;
  return frame;
}

}  // namespace troupe::net
