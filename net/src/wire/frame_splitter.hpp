#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace troupe::net {

/// A length that no frame may have. The stream cannot be read on: its frames are lost.
struct frame_length_error {
  enum class cause { zero, above_cap };
  cause what = cause::zero;
  std::uint32_t length = 0;
  std::uint32_t cap = 0;  ///< the cap at that time

  /// For the log: what came, what is allowed, and what is likely the matter.
  [[nodiscard]] std::string text() const;
};

/// Cuts a stream of bytes into frame bodies.
///
///   splitter.feed(chunk);
///   while (auto body = splitter.next()) handle(*body);
///   if (splitter.error()) close(splitter.error()->text());
///
/// A length is checked before any memory is taken for its frame, and the buffer grows only as the
/// frame's bytes arrive, so a peer makes us hold at most what it has sent. A frame that lies whole
/// in the chunk is not copied. For one thread at a time.
class frame_splitter {
 public:
  /// `cap` is the longest body that is let through; see max_handshake_frame_bytes and limits.
  explicit frame_splitter(std::uint32_t cap) : cap_(cap) {}

  /// Takes effect at the next call of next(): set between two frames, it holds for the second, even
  /// when both came in one chunk.
  void set_cap(std::uint32_t cap) { cap_ = cap; }

  /// Hands over the next bytes of the stream, which stay the caller's and must live until next()
  /// has returned nothing; only then may more be fed.
  void feed(std::span<const std::byte> chunk);

  /// The next whole body, or nothing when more bytes are needed or after an error. The body is
  /// valid until the next call of next() or feed().
  [[nodiscard]] std::optional<std::span<const std::byte>> next();

  /// Set once and for ever by a wrong length.
  [[nodiscard]] const std::optional<frame_length_error>& error() const { return error_; }

  /// Whether the stream, if it ended here, would have been cut within a frame.
  [[nodiscard]] bool mid_frame() const { return prefix_size_ > 0 && !handed_out_; }

  /// Bytes of memory held for an unfinished frame.
  [[nodiscard]] std::size_t capacity() const { return buffer_.capacity(); }

 private:
  bool read_length();
  void release_body();
  void buffer_some();

  std::uint32_t cap_;
  std::span<const std::byte> rest_;    // what of the fed chunk is not yet looked at
  std::array<std::byte, 4> prefix_{};  // the length, as far as it has come
  std::size_t prefix_size_ = 0;        // 4: length_ is known and was checked
  std::uint32_t length_ = 0;           // of the body
  std::vector<std::byte> buffer_;      // the body, as far as earlier chunks held it
  bool handed_out_ = false;            // the caller reads buffer_: to be emptied at next()
  std::optional<frame_length_error> error_;
};

}  // namespace troupe::net
