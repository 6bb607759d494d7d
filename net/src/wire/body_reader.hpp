#pragma once

#include <google/protobuf/io/coded_stream.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace troupe::net {

/// Takes the body of a frame or a message apart from the front, in place. Once something is not as
/// expected, it stays so.
class body_reader {
 public:
  explicit body_reader(std::span<const std::byte> body) noexcept
      : at_(reinterpret_cast<const std::uint8_t*>(body.data())), end_(at_ + body.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  /// Whether the tag comes next; takes it then.
  bool next_is(std::uint8_t wanted) noexcept {
    if (at_end() || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  void expect(std::uint8_t wanted) noexcept { ok_ = next_is(wanted) && ok_; }
  /// Of at most five bytes.
  std::uint32_t number() noexcept {
    const std::uint8_t* const start = at_;
    const std::uint64_t value = varint();
    ok_ = ok_ && at_ - start <= 5 && value <= UINT32_MAX;
    return static_cast<std::uint32_t>(value);
  }
  /// Of at most ten bytes, of which the bits beyond the 64th do not count.
  std::uint64_t varint() noexcept {
    if (at_ != end_ && *at_ < 0x80) [[likely]]
      return *at_++;
    return long_varint();
  }
  std::uint32_t fixed32() noexcept {
    std::uint32_t value = 0;
    if (has(4)) at_ = stream::ReadLittleEndian32FromArray(at_, &value);
    return value;
  }
  std::uint64_t fixed64() noexcept {
    std::uint64_t value = 0;
    if (has(8)) at_ = stream::ReadLittleEndian64FromArray(at_, &value);
    return value;
  }
  /// So many as there are, at most.
  void skip(std::size_t bytes) noexcept { at_ += bytes; }
  /// A length that reaches to the end.
  void expect_rest() noexcept {
    const std::uint32_t length = number();
    ok_ = ok_ && length == left();
  }
  [[nodiscard]] std::string_view rest() const noexcept {
    return {reinterpret_cast<const char*>(at_), left()};
  }
  /// Ends after so many bytes, which there are, until it is widened to the end that this gives.
  [[nodiscard]] const std::uint8_t* narrow(std::size_t bytes) noexcept {
    return std::exchange(end_, at_ + bytes);
  }
  void widen(const std::uint8_t* end) noexcept { end_ = end; }

 private:
  using stream = google::protobuf::io::CodedInputStream;

  bool has(std::size_t bytes) noexcept { return ok_ = ok_ && left() >= bytes; }
  std::uint64_t long_varint() noexcept {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const std::uint8_t byte = *at_++;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace troupe::net
