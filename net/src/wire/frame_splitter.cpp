#include "wire/frame_splitter.hpp"

#include <algorithm>
#include <cassert>

#include "wire/frame.hpp"
#include "wire/limits.hpp"

namespace troupe::net {
namespace {

// A buffer up to this size is kept for the next frame; a larger one was needed for a rare large
// message and is given back, so that a thousand idle connections hold 64 MiB at most.
constexpr std::size_t kept_buffer_bytes = 64 * 1024;

// A record of TLS, of its handshake or with an alert, begins so: far above any length of ours.
constexpr bool begins_tls(std::uint32_t length) {
  return length >> 16U == 0x1603 || length >> 16U == 0x1503;
}

}  // namespace

std::string frame_length_error::text() const {
  if (what == cause::zero)
    return "the peer sent a frame of length 0, which no frame has: it does not speak troupe's node "
           "protocol; look for another program that uses this node's port";
  if (begins_tls(length))
    return "the peer speaks TLS and this node does not: give both node_options::tls, or neither";
  return "the peer sent a frame of " + std::to_string(length) + " bytes where " +
         std::to_string(cap) +
         " are allowed: it does not speak troupe's node protocol, or its limits.message_bytes is "
         "larger than this node's; give all nodes of a cluster the same limits";
}

void frame_splitter::feed(std::span<const std::byte> chunk) {
  assert(rest_.empty() && "next() must have returned nothing before more is fed");
  release_body();
  if (!error_) rest_ = chunk;
}

std::optional<std::span<const std::byte>> frame_splitter::next() {
  release_body();
  if (prefix_size_ == 0 && rest_.size() >= prefix_.size()) [[likely]] {
    // Most frames lie whole in what was read, many of them one after the other.
    const std::uint32_t length = read_big_endian(rest_.first<frame_prefix_bytes>());
    if (length != 0 && length <= cap_ && rest_.size() - prefix_.size() >= length) {
      const auto body = rest_.subspan(prefix_.size(), length);
      rest_ = rest_.subspan(prefix_.size() + length);
      return body;
    }
  }
  if (prefix_size_ < prefix_.size() && !read_length()) return std::nullopt;
  if (buffer_.empty() && rest_.size() >= length_) {
    const auto body = rest_.first(length_);
    rest_ = rest_.subspan(length_);
    prefix_size_ = 0;
    return body;
  }
  buffer_some();
  if (buffer_.size() < length_) return std::nullopt;
  handed_out_ = true;
  prefix_size_ = 0;
  return buffer_;
}

// Whether the whole length is here and right.
bool frame_splitter::read_length() {
  const std::size_t take = std::min(prefix_.size() - prefix_size_, rest_.size());
  std::ranges::copy(rest_.first(take), prefix_.begin() + static_cast<std::ptrdiff_t>(prefix_size_));
  prefix_size_ += take;
  rest_ = rest_.subspan(take);
  if (prefix_size_ < prefix_.size()) return false;

  length_ = read_big_endian(prefix_);
  if (length_ != 0 && length_ <= cap_) return true;
  error_ = {length_ == 0 ? frame_length_error::cause::zero : frame_length_error::cause::above_cap,
            length_, cap_};
  // Nothing is read any more: next() finds an unfinished length and no bytes, for ever.
  prefix_size_ = 0;
  rest_ = {};
  return false;
}

void frame_splitter::buffer_some() {
  const auto some = rest_.first(std::min<std::size_t>(length_ - buffer_.size(), rest_.size()));
  const std::size_t needed = buffer_.size() + some.size();
  // Doubling keeps the copying linear; what has not arrived is never more than what has.
  if (needed > buffer_.capacity()) buffer_.reserve(std::min<std::size_t>(length_, 2 * needed));
  buffer_.insert(buffer_.end(), some.begin(), some.end());
  rest_ = rest_.subspan(some.size());
}

void frame_splitter::release_body() {
  if (!handed_out_) return;
  handed_out_ = false;
  buffer_.clear();
  if (buffer_.capacity() > kept_buffer_bytes) std::vector<std::byte>().swap(buffer_);
}

}  // namespace troupe::net
