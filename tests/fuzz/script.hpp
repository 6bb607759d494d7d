#pragma once
// The bytes of a fuzzer as a script: numbers and pieces, until they are used up.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace troupe_fuzz {

using bytes = std::span<const std::byte>;

inline void expect(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

class script {
 public:
  script(const std::uint8_t* data, std::size_t size)
      : rest_(std::as_bytes(std::span(data, size))) {}

  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  // Below `end`, which is at most 256; 0 at the end of the script.
  unsigned number(unsigned end = 256) noexcept {
    if (rest_.empty()) return 0;
    const auto first = std::to_integer<unsigned>(rest_.front());
    rest_ = rest_.subspan(1);
    return first % end;
  }
  bool flag() noexcept { return number(2) != 0; }
  // At most that many.
  bytes piece(std::size_t most) noexcept {
    const bytes some = rest_.first(std::min(most, rest_.size()));
    rest_ = rest_.subspan(some.size());
    return some;
  }

 private:
  bytes rest_;
};

}  // namespace troupe_fuzz
