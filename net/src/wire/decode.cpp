#include <troupe/exit_reason.hpp>

#include <google/protobuf/io/coded_stream.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <span>

#include "troupe/frame.pb.h"
#include "wire/body_reader.hpp"
#include "wire/codec.hpp"
#include "wire/codec_walk.hpp"
#include "wire/printable.hpp"

namespace troupe::net {
namespace {

using google::protobuf::io::CodedInputStream;
using cause = codec_error::cause;

// An element while it is decoded, before it is moved into its container.
class temporary {
 public:
  explicit temporary(const type_info& type) : type_(type) {
    if (type.size > sizeof small_ || type.alignment > alignof(std::max_align_t))
      at_ = ::operator new(type.size, std::align_val_t(type.alignment));
    try {
      type.construct(at_);
    } catch (...) {
      free();
      throw;
    }
  }
  temporary(const temporary&) = delete;
  temporary& operator=(const temporary&) = delete;
  ~temporary() {
    type_.destroy(at_);
    free();
  }
  [[nodiscard]] void* get() noexcept { return at_; }

 private:
  void free() noexcept {
    if (at_ != small_) ::operator delete(at_, std::align_val_t(type_.alignment));
  }

  const type_info& type_;
  alignas(std::max_align_t) std::byte small_[128];
  void* at_ = small_;
};

// Gives false if the type cannot hold the number.
template <class Int, class Wide>
bool store(void* value, Wide number) {
  const Int narrow = static_cast<Int>(number);
  std::memcpy(value, &narrow, sizeof narrow);
  return narrow == number;
}

bool store_signed(const type_info& type, void* value, std::int64_t number) {
  switch (type.size) {
    case 1: return store<std::int8_t>(value, number);
    case 2: return store<std::int16_t>(value, number);
    case 4: return store<std::int32_t>(value, number);
    default: return store<std::int64_t>(value, number);
  }
}

bool store_unsigned(const type_info& type, void* value, std::uint64_t number) {
  switch (type.size) {
    case 1: return store<std::uint8_t>(value, number);
    case 2: return store<std::uint16_t>(value, number);
    case 4: return store<std::uint32_t>(value, number);
    default: return store<std::uint64_t>(value, number);
  }
}

class decoder : public walk {
 public:
  decoder(std::string_view bytes, pid_mapper& mapper, const limits& most)
      : walk{.pids = mapper, .bounds = most}, in_(std::as_bytes(std::span(bytes))) {}
  decoder(std::string_view bytes, const walk& state)
      : walk(state), in_(std::as_bytes(std::span(bytes))) {}

  /// Reads a message into the value, up to where it ends.
  bool body(const type_info& type, void* value);

 private:
  bool fields(const type_info& type, void* value);
  bool clear(const type_info& type, void* value);
  bool choice(const type_info& type, void* value);
  bool field(const type_info& type, void* value, std::uint32_t tag);
  bool single(const type_info& type, void* value, std::uint32_t tag);
  bool element(const type_info& type, void* value, std::uint32_t tag);
  bool packed(const type_info& type, void* value);
  bool message(const type_info& type, void* value);
  bool process(const type_info& type, pid& value);
  bool reason(const type_info& type, exit_reason& value);
  troupe::message own_value(const wire::exit_reason& in, std::string& trouble);
  bool text(const type_info& type, void* value);
  bool scalar(const type_info& type, void* value);

  template <class Use>
  bool each_field(const type_info& type, Use&& use);
  bool skip(const type_info& type, std::uint32_t tag);
  bool length(const type_info& type, std::size_t& out);
  bool constructible(const type_info& type);
  bool opaque(const type_info& type) {
    return fail(cause::opaque, type, "cannot be decoded, because no format can see inside it");
  }
  bool malformed(const type_info& type, std::string_view why) {
    return fail(cause::malformed, type, why);
  }

  body_reader in_;  // ends where the message at hand does
};

// ---- messages -------------------------------------------------------------------------------

bool decoder::body(const type_info& type, void* value) {
  switch (type.form) {
    case shape::opaque: return opaque(type);
    case shape::choice: return choice(type, value);
    case shape::process: return process(type, *static_cast<pid*>(value));
    case shape::reason: return reason(type, *static_cast<exit_reason*>(value));
    case shape::foreign: {
      const std::string_view bytes = in_.rest();
      if (!take(type, bytes.size() * foreign_expansion)) return false;
      if (!type.parse(value, bytes))
        return malformed(type, "does not take these bytes for its own");
      in_.skip(bytes.size());
      return true;
    }
    default: return fields(type, value);
  }
}

bool decoder::fields(const type_info& type, void* value) {
  if (type.form != shape::record) {  // in a wrapper
    if (!clear(type, value)) return false;
    return each_field(type, [&](std::uint32_t number, std::uint32_t tag) {
      return number == 1 ? field(type, value, tag) : skip(type, tag);
    });
  }
  for (std::size_t i = 0; i < type.parts.size(); ++i)
    if (!clear(*type.parts[i], type.part(value, i))) return false;
  return each_field(type, [&](std::uint32_t number, std::uint32_t tag) {
    if (number > type.parts.size()) return skip(type, tag);
    return field(*type.parts[number - 1], type.part(value, number - 1), tag);
  });
}

// Empties what an initialiser has filled: that a sequence is absent means that it is empty.
bool decoder::clear(const type_info& type, void* value) {
  if (!needs_wrapper(type) || type.count(value) == 0) return true;
  if (!constructible(type)) return false;
  [&]() noexcept {  // in between there is no object, so nothing may throw
    type.destroy(value);
    type.construct(value);
  }();
  return true;
}

bool decoder::choice(const type_info& type, void* value) {
  bool chosen = false;
  const bool done = each_field(type, [&](std::uint32_t number, std::uint32_t tag) {
    if (number > type.parts.size()) return skip(type, tag);
    const type_info& alternative = *type.parts[number - 1];
    if (!constructible(alternative)) return false;
    type.select(value, number - 1);
    chosen = true;
    return single(alternative, type.part(value, number - 1), tag);
  });
  return done &&
         (chosen || fail(cause::empty_choice, type, "has no alternative that is known here"));
}

bool decoder::process(const type_info& type, pid& value) {
  const std::string_view bytes = in_.rest();
  wire::pid in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return malformed(type, "is no pid on the wire");
  const std::optional<pid> known = pids.from_wire({in.node(), in.id()});
  if (!known)
    return fail(cause::unknown_node, type,
                "is on node number " + std::to_string(in.node()) + ", which was not defined");
  value = *known;
  in_.skip(bytes.size());
  return true;
}

bool decoder::reason(const type_info& type, exit_reason& value) {
  const std::string_view bytes = in_.rest();
  wire::exit_reason in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return malformed(type, "is no exit reason on the wire");
  const int word = in.kind() - 1;
  if (word < 0 || word > static_cast<int>(exit_reason::kind::user))
    return fail(cause::unknown_reason, type, "is of a kind that is unknown here");
  if (in.text().size() > max_text_bytes || in.error_type().size() > max_text_bytes)
    return malformed(type, "has a text of more than " + std::to_string(max_text_bytes) + " bytes");
  if (!take(type, reason_bytes + in.text().size() + in.error_type().size())) return false;
  troupe::message own;
  std::string text = in.text();
  if (!in.value_type().empty()) {
    std::string trouble;
    own = own_value(in, trouble);
    if (!own && text.empty()) text = std::move(trouble);
  }
  value = exit_reason::from_parts(static_cast<exit_reason::kind>(word), in.error_type(),
                                  std::move(text), std::move(own));
  in_.skip(bytes.size());
  return true;
}

// A reason must arrive whatever the program put in it, so a value that cannot be decoded becomes a
// text that says why.
troupe::message decoder::own_value(const wire::exit_reason& in, std::string& trouble) {
  const message_type* found = find_message_type(message_kind::value, in.value_type()).type;
  trouble = "a value of type " + printable(in.value_type());
  if (found == nullptr || found->construct == nullptr || depth == max_message_nesting) {
    trouble += ", which no receive on this node mentions and can make";
    return {};
  }
  const type_info& type = *found->value;
  troupe::message made = troupe::message::blank(*found);
  decoder inner(in.value(), *this);
  ++inner.depth;
  auto wrong = inner.run(type, [&] {
    return inner.take(type, type.size + reason_bytes + in.value().size()) &&
           inner.body(type, made.value());
  });
  memory_left = inner.memory_left;
  if (!wrong) return made;
  trouble += ", which cannot be decoded: " + wrong->text;
  return {};
}

// ---- fields ---------------------------------------------------------------------------------

template <class Use>
bool decoder::each_field(const type_info& type, Use&& use) {
  while (!in_.at_end()) {
    const std::uint32_t tag = in_.number();
    const auto number = static_cast<std::uint32_t>(wire_format::GetTagFieldNumber(tag));
    if (number == 0 || !in_.ok()) return malformed(type, "has a field without a number");
    const place_scope here(*this, type, number);
    if (!use(number, tag)) return false;
  }
  return true;
}

bool decoder::skip(const type_info& type, std::uint32_t tag) {
  const std::string_view bytes = in_.rest();
  CodedInputStream unknown(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                           static_cast<int>(bytes.size()));
  unknown.SetRecursionLimit(max_message_nesting);  // of groups
  if (!wire_format::SkipField(&unknown, tag))
    return malformed(type, "has an unknown field that is cut off or nested too deep");
  in_.skip(static_cast<std::size_t>(unknown.CurrentPosition()));
  return true;
}

bool decoder::field(const type_info& type, void* value, std::uint32_t tag) {
  if (!needs_wrapper(type)) return single(type, value, tag);
  const bool is_packed = type.form == shape::sequence && is_packable(*type.parts[0]) &&
                         wire_format::GetTagWireType(tag) == wire_format::WIRETYPE_LENGTH_DELIMITED;
  return is_packed ? packed(type, value) : element(type, value, tag);
}

bool decoder::element(const type_info& type, void* value, std::uint32_t tag) {
  const type_info& item = *type.parts[0];
  if (!constructible(item) || !take(type, item.size + element_overhead_bytes)) return false;
  temporary made(item);
  if (!single(item, made.get(), tag)) return false;
  type.insert(value, made.get());
  return true;
}

bool decoder::packed(const type_info& type, void* value) {
  const type_info& item = *type.parts[0];
  std::size_t size = 0;
  if (!length(type, size)) return false;
  const auto* const outer = in_.narrow(size);
  temporary made(item);
  while (!in_.at_end()) {
    if (!take(type, item.size + element_overhead_bytes) || !scalar(item, made.get())) return false;
    type.insert(value, made.get());
  }
  in_.widen(outer);
  return true;
}

bool decoder::single(const type_info& type, void* value, std::uint32_t tag) {
  if (type.form == shape::opaque) return opaque(type);
  const auto arrived = wire_format::GetTagWireType(tag);
  if (arrived != wire_type_of(type))
    return fail(cause::wrong_wire_type, type,
                "has wire type " + std::to_string(wire_type_of(type)) + " here and arrived as " +
                    std::to_string(arrived) + ": the nodes have different versions of the message");
  if (is_message(type) || needs_wrapper(type)) return message(type, value);
  if (type.form == shape::text || type.form == shape::bytes) return text(type, value);
  return scalar(type, value);
}

bool decoder::message(const type_info& type, void* value) {
  std::size_t size = 0;
  if (!length(type, size)) return false;
  if (depth == max_message_nesting) return too_deep(type);
  ++depth;
  const auto* const outer = in_.narrow(size);
  if (!body(type, value)) return false;
  in_.widen(outer);
  --depth;
  return true;
}

bool decoder::text(const type_info& type, void* value) {
  std::size_t size = 0;
  if (!length(type, size) || !take(type, size)) return false;
  type.assign(value, std::as_bytes(std::span(in_.rest().substr(0, size))));
  in_.skip(size);
  return true;
}

bool decoder::scalar(const type_info& type, void* value) {
  if (type.form == shape::real) {
    const bool is_float = type.size == sizeof(float);
    const std::uint32_t narrow = is_float ? in_.fixed32() : 0;
    const std::uint64_t wide = is_float ? 0 : in_.fixed64();
    if (!in_.ok()) return malformed(type, "is cut off");
    std::memcpy(value, is_float ? static_cast<const void*>(&narrow) : &wide, type.size);
    return true;
  }
  const std::uint64_t number = in_.varint();
  if (!in_.ok()) return malformed(type, "is cut off, or longer than 10 bytes");
  bool holds = true;
  if (type.form == shape::boolean)
    holds = store<bool>(value, number);
  else if (type.form == shape::unsigned_integer)
    holds = store_unsigned(type, value, number);
  else
    holds = store_signed(type, value, wire_format::ZigZagDecode64(number));
  return holds || fail(cause::out_of_range, type, "cannot hold the number that arrived");
}

bool decoder::length(const type_info& type, std::size_t& out) {
  const std::uint64_t found = in_.varint();
  if (!in_.ok() || found > INT32_MAX) return malformed(type, "has a broken length");
  out = static_cast<std::size_t>(found);
  return found <= in_.left() || malformed(type, "is longer than the message around it");
}

bool decoder::constructible(const type_info& type) {
  return type.construct != nullptr ||
         fail(cause::not_default_constructible, type,
              "has no default constructor, so there is nothing to decode into");
}

}  // namespace

std::optional<codec_error> decode(const type_info& type, void* value, std::string_view bytes,
                                  pid_mapper& pids, const limits& bounds) {
  decoder from(bytes, pids, bounds);
  if (bytes.size() > from.longest) {
    from.too_large(type);
    return std::move(from.error);
  }
  return from.run(type, [&] { return from.take(type, type.size) && from.body(type, value); });
}

}  // namespace troupe::net
