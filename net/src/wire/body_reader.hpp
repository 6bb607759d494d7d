#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace troupe::net {

/// Takes the body of a frame apart from the front, in place. Once something is not as expected, it
/// stays so.
class body_reader {
 public:
  explicit body_reader(std::span<const std::byte> body) noexcept
      : at_(reinterpret_cast<const std::uint8_t*>(body.data())), end_(at_ + body.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  /// Whether the tag comes next; takes it then.
  bool next_is(std::uint8_t wanted) noexcept {
    if (at_end() || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  void expect(std::uint8_t wanted) noexcept { ok_ = next_is(wanted) && ok_; }
  std::uint32_t number() noexcept {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 35 && at_ != end_; shift += 7) {
      const std::uint8_t byte = *at_++;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        ok_ = ok_ && value <= UINT32_MAX;
        return static_cast<std::uint32_t>(value);
      }
    }
    ok_ = false;
    return 0;
  }
  std::uint64_t fixed64() noexcept {
    std::uint64_t value = 0;
    if (end_ - at_ < 8) return ok_ = false, 0;
    for (int shift = 0; shift < 64; shift += 8) value |= std::uint64_t{*at_++} << shift;
    return value;
  }
  /// A length that reaches to the end.
  void expect_rest() noexcept {
    const std::uint32_t length = number();
    ok_ = ok_ && length == static_cast<std::size_t>(end_ - at_);
  }
  [[nodiscard]] std::string_view rest() const noexcept {
    return {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_)};
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace troupe::net
