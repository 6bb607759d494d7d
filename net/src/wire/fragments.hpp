#pragma once
// Long frames go in fragments, so that other frames pass between them; PROTOCOL.md, "Fragments".

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/limits.hpp"

namespace troupe::net {

/// `fragment` of frame.proto. The data belong to somebody else.
struct fragment {
  std::uint32_t id = 0;
  std::uint32_t length = 0;  ///< of the whole body, in the first fragment; else 0
  std::string_view data = {};
};

/// Appends the fragment as it goes on the stream, the same bytes as protobuf's.
void append_frame(std::vector<std::byte>& to, const fragment& part);

/// Reads a body that is a fragment in the form that `append_frame` gives it. Nothing for any other,
/// valid or not: those are for `parse_frame`. The data lie in the body.
[[nodiscard]] std::optional<fragment> read_fragment(std::span<const std::byte> body);

/// The long frames that are to go, in turn: one fragment of each, as many at a time as the protocol
/// allows.
class fragmenter {
 public:
  explicit fragmenter(const limits& bounds) : bounds_(bounds) {}

  /// Takes a frame as it goes on the stream, length and body; gives the number by which
  /// `append_next` names it.
  std::uint32_t add(std::vector<std::byte> whole);
  [[nodiscard]] bool empty() const noexcept { return started_.empty() && waiting_.empty(); }
  /// Appends the next fragment, if there is one; gives the number of a frame that is whole by it.
  std::optional<std::uint32_t> append_next(std::vector<std::byte>& to);

 private:
  struct frame {
    std::uint32_t id;
    std::vector<std::byte> whole;
    std::size_t sent = frame_prefix_bytes;  // the body goes without it
    [[nodiscard]] std::uint32_t length() const noexcept {
      return static_cast<std::uint32_t>(whole.size() - frame_prefix_bytes);
    }
  };
  [[nodiscard]] bool may_start(const frame& next) const;

  limits bounds_;
  std::deque<frame> started_;  // the next to have its turn in front
  std::deque<frame> waiting_;
  std::uint64_t started_bytes_ = 0;
  std::uint32_t last_id_ = 0;
};

/// Puts the fragments of a peer together. Memory is taken at once for the whole body, after its
/// length was checked with all others: what has not arrived is not touched. For one thread at a
/// time.
class reassembler {
 public:
  explicit reassembler(const limits& bounds) : bounds_(bounds) {}

  /// A text says how the fragment breaks the protocol.
  [[nodiscard]] std::optional<std::string> add(const fragment& part);
  /// The body that the last fragment has made whole, if it has.
  [[nodiscard]] std::optional<std::vector<std::byte>> take_whole() {
    return std::exchange(whole_, std::nullopt);
  }

 private:
  struct unfinished {
    std::uint32_t length;
    std::vector<std::byte> body;
  };
  [[nodiscard]] std::optional<std::string> begin(const fragment& part);

  limits bounds_;
  std::map<std::uint32_t, unfinished> unfinished_;
  std::uint64_t announced_ = 0;  // bytes, of all of them
  std::optional<std::vector<std::byte>> whole_;
};

}  // namespace troupe::net
