#pragma once
// What the encoder and the decoder share: how types map to the wire, where in the value they are,
// and the bounds that both keep, so that what one node encodes another can decode.

#include <troupe/reflection.hpp>

#include <google/protobuf/wire_format_lite.h>

#include <cassert>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "wire/codec.hpp"

namespace troupe::net {

using wire_format = google::protobuf::internal::WireFormatLite;

/// Bytes that an element costs beside its type's size.
inline constexpr std::uint64_t element_overhead_bytes = 8;
/// An object of a class made by protoc has 16 bytes at the least and stands in 2 bytes on the wire,
/// plus a pointer to it; with 16, an object of 4 MiB, which is gRPC's limit, is within the default.
inline constexpr std::uint64_t foreign_expansion = 16;
/// What an exit reason with texts or a value holds beside them.
inline constexpr std::uint64_t reason_bytes = 128;

/// Encoded as a message of its own.
[[nodiscard]] constexpr bool is_message(const type_info& type) noexcept {
  return type.form == shape::record || type.form == shape::choice || type.form == shape::process ||
         type.form == shape::reason || type.form == shape::foreign;
}
/// No single field on the wire: where there must be one, a message with field 1 is put around it.
[[nodiscard]] constexpr bool needs_wrapper(const type_info& type) noexcept {
  return type.form == shape::sequence || type.form == shape::optional;
}
/// Many of them stand in one field, without tags.
[[nodiscard]] constexpr bool is_packable(const type_info& type) noexcept {
  return type.form == shape::boolean || type.form == shape::signed_integer ||
         type.form == shape::unsigned_integer || type.form == shape::real;
}
[[nodiscard]] constexpr wire_format::WireType wire_type_of(const type_info& type) noexcept {
  if (!is_packable(type)) return wire_format::WIRETYPE_LENGTH_DELIMITED;
  if (type.form != shape::real) return wire_format::WIRETYPE_VARINT;
  return type.size == sizeof(float) ? wire_format::WIRETYPE_FIXED32 : wire_format::WIRETYPE_FIXED64;
}

/// A field on the way from the message to the part at hand.
struct place {
  const place* within;
  const type_info* type;
  std::uint32_t field;
};

/// One walk over a value. Its functions give false once it has failed.
struct walk {
  pid_mapper& pids;
  const limits& bounds;
  std::uint64_t longest = bounds.frame_bytes() - frame_overhead_bytes;  // encoded
  std::uint64_t memory_left = bounds.decoded_bytes();
  int depth = 0;  // messages around the part at hand
  const place* at = nullptr;
  std::optional<codec_error> error = std::nullopt;

  bool fail(codec_error::cause what, const type_info& type, std::string_view why);
  /// Accounts for memory that decoding the part takes.
  bool take(const type_info& type, std::uint64_t bytes) {
    if (bytes > memory_left) return takes_too_much(type);
    memory_left -= bytes;
    return true;
  }
  bool takes_too_much(const type_info& type);
  bool too_large(const type_info& type);
  bool too_deep(const type_info& type);

  /// The error of `work` if it fails; what it throws becomes one, except std::bad_alloc.
  template <class Work>
  std::optional<codec_error> run(const type_info& type, Work&& work);
  std::optional<codec_error> threw(const type_info& type, std::string_view what);
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-pointer"  // the destructor takes it back
#endif
/// Makes `at` point to a field while it lives.
class place_scope {
 public:
  place_scope(walk& walker, const type_info& type, std::uint32_t field)
      : walker_(walker), here_{walker.at, &type, field} {
    walker_.at = &here_;
  }
  place_scope(const place_scope&) = delete;
  place_scope& operator=(const place_scope&) = delete;
  ~place_scope() { walker_.at = here_.within; }

 private:
  walk& walker_;
  place here_;
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

template <class Work>
std::optional<codec_error> walk::run(const type_info& type, Work&& work) {
  try {
    const bool done = work();
    assert(done == !error);
    return done ? std::nullopt : std::move(error);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    return threw(type, e.what());
  } catch (...) {
    return threw(type, "something that is no std::exception");
  }
}

}  // namespace troupe::net
