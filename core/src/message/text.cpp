#include <troupe/exit_reason.hpp>

#include <fmt/format.h>

namespace troupe {
namespace {

// What is read of memory as an integer of some width.
template <class... Ints>
std::int64_t load(const void* value, std::size_t size) {
  std::int64_t out = 0;
  ((size == sizeof(Ints) ? (out = static_cast<std::int64_t>(*static_cast<const Ints*>(value)), 0)
                         : 0),
   ...);
  return out;
}

struct printer {
  std::string out;

  void print(const type_info& type, const void* value);
  void parts(const type_info& type, const void* value) {
    out += '{';
    for (std::size_t i = 0; i < type.parts.size(); ++i) {
      if (i > 0) out += ", ";
      print(*type.parts[i], type.part(const_cast<void*>(value), i));
    }
    out += '}';
  }
  void elements(const type_info& type, const void* value) {
    struct state {
      printer& to;
      const type_info& element;
      bool first = true;
    } at{*this, *type.parts[0]};
    out += '[';
    type.each(
        value,
        [](void* s, const void* element) {
          auto& it = *static_cast<state*>(s);
          if (!std::exchange(it.first, false)) it.to.out += ", ";
          it.to.print(it.element, element);
        },
        &at);
    out += ']';
  }
};

void printer::print(const type_info& type, const void* value) {
  switch (type.form) {
    case shape::boolean: out += *static_cast<const bool*>(value) ? "true" : "false"; break;
    case shape::signed_integer:
      out += fmt::to_string(
          load<std::int8_t, std::int16_t, std::int32_t, std::int64_t>(value, type.size));
      break;
    case shape::unsigned_integer:
      out += fmt::to_string(static_cast<std::uint64_t>(
          load<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>(value, type.size)));
      break;
    case shape::real:
      out += type.size == sizeof(float) ? fmt::to_string(*static_cast<const float*>(value))
                                        : fmt::to_string(*static_cast<const double*>(value));
      break;
    case shape::text:
      fmt::format_to(std::back_inserter(out), "\"{}\"", *static_cast<const std::string*>(value));
      break;
    case shape::bytes:
      fmt::format_to(std::back_inserter(out), "<{} bytes>", type.view(value).size());
      break;
    case shape::process: out += to_string(*static_cast<const pid*>(value)); break;
    case shape::reason: out += to_string(*static_cast<const exit_reason*>(value)); break;
    case shape::record:
      out += type.name;
      parts(type, value);
      break;
    case shape::sequence:
    case shape::optional: elements(type, value); break;
    case shape::choice: {
      const std::size_t index = type.count(value);
      if (index < type.parts.size())
        print(*type.parts[index], type.part(const_cast<void*>(value), index));
      break;
    }
    case shape::foreign:
    case shape::opaque: out += type.name; break;
  }
}

}  // namespace

std::string to_text(const type_info& type, const void* value) {
  printer p;
  p.print(type, value);
  return std::move(p.out);
}

}  // namespace troupe
