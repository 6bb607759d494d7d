#pragma once
// Every bound on what a peer may send, in one place. What both sides must agree on is a constant
// and part of PROTOCOL.md; what one node may choose for itself is a member of `limits`.

#include <cstddef>
#include <cstdint>

namespace troupe::net {

/// Bytes of the length in front of each frame.
inline constexpr std::size_t frame_prefix_bytes = 4;

/// Longest frame before both sides have proved themselves. The largest honest one is a hello: 255
/// bytes of name, 32 of nonce and some 50 of the rest; 1 KiB leaves room for later fields, and all
/// unfinished handshakes together stay small.
inline constexpr std::uint32_t max_handshake_frame_bytes = 1024;

/// Longest node name and registered name. Erlang's limit for atoms, in bytes instead of characters.
inline constexpr std::size_t max_name_bytes = 255;

/// Longest name of a message type: C++ template names are longer than what people type.
inline constexpr std::size_t max_type_name_bytes = 1024;

/// Random bytes that each side draws for one handshake: as many as the digest has.
inline constexpr std::size_t nonce_bytes = 32;

/// Bytes of a proof: an HMAC-SHA-256 that is not shortened.
inline constexpr std::size_t mac_bytes = 32;

/// Numbers that one side may have defined on a connection at a time; those it defines again do not
/// count twice. 64 Ki entries, of some 100 bytes as a rule and 1 KiB at most, are the most that a
/// peer can make us keep.
inline constexpr std::uint32_t max_definitions = 65536;

/// Nesting of protobuf messages in a frame. Ours need 4; protobuf's own default is 100.
inline constexpr int max_frame_nesting = 32;

/// Nesting of messages within a user's message. Protobuf's own default, 100, is for stacks of the
/// main thread; ours decode on workers.
inline constexpr int max_message_nesting = 32;

/// Most bytes that a frame may have around the message in it: processes, references and numbers,
/// or for a spawn the behaviour's name.
inline constexpr std::uint32_t frame_overhead_bytes = 4096;

/// Longest text in an exit reason or goodbye; the sender cuts what is longer.
inline constexpr std::size_t max_text_bytes = 4096;

/// A frame with a longer body goes in fragments of so many bytes: what one write to a socket takes,
/// so that no other frame waits for more than one of them.
inline constexpr std::size_t max_fragment_bytes = std::size_t{64} * 1024;

/// Frames of which some fragments have gone and others not, each direction. More than are needed to
/// share a connection fairly, and few to keep account of.
inline constexpr std::size_t max_unfinished_frames = 16;

/// Processes and names that a peer may have paused at a time: far more than can have anything
/// unread by which they would be, and little to keep.
inline constexpr std::size_t max_paused = 65536;

/// Bits of a hello's features.
inline constexpr std::uint64_t feature_spawn_monitor = 1;  // `spawn` may carry a monitor
inline constexpr std::uint64_t feature_ask = 2;            // a tick may ask for an answer
inline constexpr std::uint64_t known_features = feature_spawn_monitor | feature_ask;

/// What a node may set for itself.
struct limits {
  /// Longest message in bytes, encoded. A longer one is refused at the sender and closes the
  /// connection at the receiver, so nodes of a cluster should agree. 16 MiB is large for a message
  /// and small for a machine; a node that takes the longest from 100 peers at once needs 1.6 GiB.
  std::uint32_t message_bytes = 16 * 1024 * 1024;

  /// What the peer may hold of this node: see peer_quota.
  std::size_t links = std::size_t{1} << 20;
  std::size_t monitors = std::size_t{1} << 20;
  std::size_t calls = std::size_t{1} << 20;

  /// Longest frame once connected. Protobuf reads no more than 2 GiB at once.
  [[nodiscard]] constexpr std::uint32_t frame_bytes() const noexcept {
    constexpr std::uint32_t largest = INT32_MAX - frame_overhead_bytes;
    return (message_bytes < largest ? message_bytes : largest) + frame_overhead_bytes;
  }

  /// Longest that all unfinished frames of a connection may be together: four of the longest.
  [[nodiscard]] constexpr std::uint64_t unfinished_bytes() const noexcept {
    return std::uint64_t{4} * frame_bytes();
  }

  /// Most memory that one message may take when it is decoded, as wire/codec.hpp estimates it: two
  /// bytes on the wire can be an element of a thousand bytes. Four times the longest message is
  /// room for a long sequence of small numbers; short messages of nodes with a small limit need
  /// more.
  [[nodiscard]] constexpr std::uint64_t decoded_bytes() const noexcept {
    constexpr std::uint64_t least = 64 * 1024 * 1024;
    const std::uint64_t wanted = std::uint64_t{4} * message_bytes;
    return wanted > least ? wanted : least;
  }
};

}  // namespace troupe::net
