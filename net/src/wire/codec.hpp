#pragma once
// User messages as protobuf wire bytes, made and read by reflection; PROTOCOL.md section 9 is the
// mapping from C++ types.

#include <troupe/reflection.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/limits.hpp"

namespace troupe::net {

/// A pid as it stands inside a message; see `pid` in frame.proto.
struct wire_pid {
  std::uint32_t node = 0;  ///< 0: the sender, 1: the receiver, else a number of the connection
  std::uint64_t id = 0;    ///< 0: no process
};

/// Translates pids between this node's table of nodes and one connection's numbers.
class pid_mapper {
 public:
  /// Called while a message is encoded; what it defines on the connection stays defined, also when
  /// the message then turns out not to be encodable.
  virtual wire_pid to_wire(pid p) = 0;
  /// Nothing if the connection has not defined the node's number.
  virtual std::optional<pid> from_wire(wire_pid p) = 0;

 protected:
  ~pid_mapper() = default;
};

/// Why a message was not encoded or decoded.
struct codec_error {
  enum class cause {
    opaque,           ///< no format can see inside a part of it
    empty_choice,     ///< a variant without value, or with an alternative unknown here
    too_large,        ///< above limits.message_bytes, or above limits.decoded_bytes() in memory
    too_deep,         ///< nested deeper than max_message_nesting
    malformed,        ///< no protobuf message: cut off, bytes left over, an impossible tag
    wrong_wire_type,  ///< a field that is encoded as a value of another kind of type
    out_of_range,     ///< a number that its type here cannot hold
    unknown_node,     ///< a pid whose node the connection has not defined
    unknown_reason,   ///< an exit reason of a kind that this version does not know
    not_default_constructible,  ///< nothing to decode into
    threw,                      ///< a constructor or a container of the type threw
  };
  cause what = cause::malformed;
  std::string text;  ///< for people: the types and field numbers that lead there, and what to do
};

/// Appends the value as a protobuf message. `out` is as before after an error. It is an error, too,
/// if a node with the same limits could not decode it. Throws std::bad_alloc only.
[[nodiscard]] std::optional<codec_error> encode(const type_info& type, const void* value,
                                                std::string& out, pid_mapper& pids,
                                                const limits& bounds);

/// Reads a message into a value fresh from its default constructor. Fields that the type does not
/// have are skipped; those that are not there keep their default, but sequences and optionals are
/// then empty. Memory is taken for what has arrived only, and within limits: each element of a
/// sequence counts with its type's size and 8 bytes for its place in the container, a text with its
/// length, an exit reason with 128 bytes, its texts and its value, a class made by protoc with 16
/// times its bytes; so the allocator and spare capacity add a small factor and not a power. Not
/// counted is what default constructors take, and what a protoc class takes for submessages of more
/// than some 32 bytes. After an error the value is only to be destroyed.
/// Throws std::bad_alloc only.
[[nodiscard]] std::optional<codec_error> decode(const type_info& type, void* value,
                                                std::string_view bytes, pid_mapper& pids,
                                                const limits& bounds);

}  // namespace troupe::net
