#include <troupe/exit_reason.hpp>

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstring>

#include "troupe/frame.pb.h"
#include "wire/codec.hpp"
#include "wire/codec_walk.hpp"

namespace troupe::net {
namespace {

using google::protobuf::io::CodedOutputStream;
using cause = codec_error::cause;

template <class T>
T load(const void* value) {
  T out;
  std::memcpy(&out, value, sizeof out);
  return out;
}

std::uint64_t load_unsigned(const type_info& type, const void* value) {
  switch (type.size) {
    case 1: return load<std::uint8_t>(value);
    case 2: return load<std::uint16_t>(value);
    case 4: return load<std::uint32_t>(value);
    default: return load<std::uint64_t>(value);
  }
}

std::int64_t load_signed(const type_info& type, const void* value) {
  switch (type.size) {
    case 1: return load<std::int8_t>(value);
    case 2: return load<std::int16_t>(value);
    case 4: return load<std::int32_t>(value);
    default: return load<std::int64_t>(value);
  }
}

class encoder : public walk {
 public:
  encoder(std::string& out, const walk& state) : walk(state), out_(out), start_(out.size()) {}

  /// The value as a message, without tag and length.
  bool body(const type_info& type, const void* value);

 private:
  bool field(std::uint32_t number, const type_info& type, const void* value);
  bool single(std::uint32_t number, const type_info& type, const void* value);
  bool sequence(std::uint32_t number, const type_info& type, const void* value);
  bool choice(const type_info& type, const void* value);
  bool process(pid p);
  bool reason(const type_info& type, const exit_reason& value);
  bool own_value(wire::exit_reason& out, const message& value);
  bool text(const type_info& type, const void* value);
  void scalar(const type_info& type, const void* value);

  template <class Content>
  bool delimited(Content&& content);
  void tag(std::uint32_t number, wire_format::WireType type) {
    varint(wire_format::MakeTag(static_cast<int>(number), type));
  }
  void varint(std::uint64_t value) {
    std::uint8_t bytes[10];
    append(bytes, CodedOutputStream::WriteVarint64ToArray(value, bytes));
  }
  void append(const std::uint8_t* begin, const std::uint8_t* end) {
    out_.append(reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin));
  }
  [[nodiscard]] bool fits(std::uint64_t more) const noexcept {
    return out_.size() - start_ + more <= longest;
  }

  std::string& out_;
  const std::size_t start_;
};

// The length in front is known when the content is there. Most lengths take one byte; a longer one
// moves the content up, which costs less than a walk before this one to find all lengths.
template <class Content>
bool encoder::delimited(Content&& content) {
  const std::size_t front = out_.size();
  out_ += '\0';
  if (!content()) return false;
  std::uint8_t length[10];
  const std::uint8_t* end =
      CodedOutputStream::WriteVarint64ToArray(out_.size() - front - 1, length);
  out_.replace(front, 1, reinterpret_cast<const char*>(length),
               static_cast<std::size_t>(end - length));
  return true;
}

bool encoder::body(const type_info& type, const void* value) {
  switch (type.form) {
    case shape::record:
      for (std::size_t i = 0; i < type.parts.size(); ++i) {
        const place_scope here(*this, type, static_cast<std::uint32_t>(i + 1));
        // A table has one function for both directions, and it only finds the part.
        const void* part = type.part(const_cast<void*>(value), i);
        if (!field(static_cast<std::uint32_t>(i + 1), *type.parts[i], part)) return false;
      }
      return true;
    case shape::choice: return choice(type, value);
    case shape::process: return process(*static_cast<const pid*>(value));
    case shape::reason: return reason(type, *static_cast<const exit_reason*>(value));
    case shape::foreign: {
      std::string bytes;
      if (!type.serialize(value, bytes)) return too_large(type);  // of more than 2 GiB
      if (!take(type, bytes.size() * foreign_expansion)) return false;
      if (!fits(bytes.size())) return too_large(type);
      out_ += bytes;
      return true;
    }
    default: return field(1, type, value);
  }
}

bool encoder::choice(const type_info& type, const void* value) {
  const std::size_t active = type.count(value);
  if (active >= type.parts.size())
    return fail(cause::empty_choice, type, "holds no value: an exception left it without one");
  const auto number = static_cast<std::uint32_t>(active + 1);
  const place_scope here(*this, type, number);
  return single(number, *type.parts[active], type.part(const_cast<void*>(value), active));
}

bool encoder::field(std::uint32_t number, const type_info& type, const void* value) {
  return needs_wrapper(type) ? sequence(number, type, value) : single(number, type, value);
}

bool encoder::single(std::uint32_t number, const type_info& type, const void* value) {
  if (type.form == shape::opaque)
    return fail(
        cause::opaque, type,
        "cannot cross to another node, because no format can see inside it; send the values "
        "that it is made of, in an aggregate or a standard container");
  tag(number, wire_type_of(type));
  bool done = true;
  if (is_message(type) || needs_wrapper(type)) {
    if (depth == max_message_nesting) return too_deep(type);
    ++depth;
    done = delimited([&] { return body(type, value); });
    --depth;
  } else if (type.form == shape::text || type.form == shape::bytes) {
    done = text(type, value);
  } else {
    scalar(type, value);
  }
  return done && (fits(0) || too_large(type));
}

bool encoder::sequence(std::uint32_t number, const type_info& type, const void* value) {
  const type_info& element = *type.parts[0];
  const std::size_t count = type.count(value);
  if (count == 0) return true;
  if (!take(type, count * (element.size + element_overhead_bytes))) return false;
  struct state {
    encoder& self;
    const type_info& element;
    std::uint32_t number;
    bool going = true;
  } each{*this, element, number};
  if (type.form == shape::sequence && is_packable(element)) {
    tag(number, wire_format::WIRETYPE_LENGTH_DELIMITED);
    const auto one = [](void* s, const void* item) {
      static_cast<state*>(s)->self.scalar(static_cast<state*>(s)->element, item);
    };
    return delimited([&] { return type.each(value, one, &each), true; }) &&
           (fits(0) || too_large(type));
  }
  const auto one = [](void* s, const void* item) {
    auto& it = *static_cast<state*>(s);
    if (it.going) it.going = it.self.single(it.number, it.element, item);
  };
  type.each(value, one, &each);
  return each.going;
}

bool encoder::process(pid p) {
  const wire_pid mapped = pids.to_wire(p);
  wire::pid out;
  out.set_node(mapped.node);
  out.set_id(mapped.id);
  return out.AppendToString(&out_);
}

bool encoder::reason(const type_info& type, const exit_reason& value) {
  wire::exit_reason out;
  // The words stand in the same order, after the unspecified one.
  static_assert(static_cast<int>(exit_reason::kind::user) + 1 == wire::exit_reason::user);
  out.set_kind(static_cast<wire::exit_reason::word>(static_cast<int>(value.what()) + 1));
  const auto cut = [](std::string_view text) {
    return std::string(text.substr(0, max_text_bytes));
  };
  out.set_text(cut(value.text()));
  out.set_error_type(cut(value.type()));
  if (value.own_value() != nullptr && !own_value(out, *value.own_value()))
    out.set_text(cut(to_string(value)));
  return take(type, reason_bytes + out.text().size() + out.error_type().size()) &&
         (fits(out.ByteSizeLong()) || too_large(type)) && out.AppendToString(&out_);
}

// A reason must arrive whatever the program put in it, so a value that cannot be encoded, or for
// which there is no room, stays here and goes as text.
bool encoder::own_value(wire::exit_reason& out, const message& value) {
  // What the rest of the reason takes at the most.
  constexpr std::uint64_t rest = reason_bytes + 2 * max_text_bytes + max_type_name_bytes;
  const type_info& type = *value.type().value;
  if (depth == max_message_nesting || type.name.size() > max_type_name_bytes || !fits(rest) ||
      memory_left < rest)
    return false;
  std::string payload;
  encoder inner(payload, *this);
  inner.longest -= out_.size() - start_ + rest;
  inner.memory_left -= rest;
  ++inner.depth;
  if (inner.run(type, [&] {
        return inner.take(type, type.size + reason_bytes) && inner.body(type, value.value()) &&
               inner.take(type, payload.size());
      }))
    return false;
  memory_left = inner.memory_left + rest;
  out.set_value_type(type.name.data(), type.name.size());
  out.set_value(std::move(payload));
  return true;
}

bool encoder::text(const type_info& type, const void* value) {
  const std::span<const std::byte> bytes = type.view(value);
  if (!take(type, bytes.size())) return false;
  if (!fits(bytes.size())) return too_large(type);
  varint(bytes.size());
  out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

void encoder::scalar(const type_info& type, const void* value) {
  std::uint8_t fixed[8];
  switch (type.form) {
    case shape::boolean: return varint(load<bool>(value) ? 1 : 0);
    // Of a number the zigzag code of 32 bits is that of 64 bits.
    case shape::signed_integer:
      return varint(wire_format::ZigZagEncode64(load_signed(type, value)));
    case shape::unsigned_integer: return varint(load_unsigned(type, value));
    default: break;
  }
  append(fixed,
         type.size == sizeof(float)
             ? CodedOutputStream::WriteLittleEndian32ToArray(load<std::uint32_t>(value), fixed)
             : CodedOutputStream::WriteLittleEndian64ToArray(load<std::uint64_t>(value), fixed));
}

}  // namespace

std::optional<codec_error> encode(const type_info& type, const void* value, std::string& out,
                                  pid_mapper& pids, const limits& bounds) {
  const std::size_t start = out.size();
  encoder to(out, walk{.pids = pids, .bounds = bounds});
  auto error = to.run(type, [&] { return to.take(type, type.size) && to.body(type, value); });
  if (error) out.resize(start);
  return error;
}

}  // namespace troupe::net
