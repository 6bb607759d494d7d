#include "message/footprint.hpp"

namespace troupe::internal {
namespace {

std::size_t owned_bytes(const type_info& type, const void* value) noexcept;

std::size_t bytes_of_elements(const type_info& type, const void* value) noexcept {
  struct state {
    const type_info& element;
    std::size_t sum;
  } at{*type.parts[0], 0};
  type.each(
      value,
      [](void* s, const void* element) {
        auto& it = *static_cast<state*>(s);
        it.sum += it.element.size + owned_bytes(it.element, element);
      },
      &at);
  return at.sum;
}

// Beyond the value itself.
std::size_t owned_bytes(const type_info& type, const void* value) noexcept {
  switch (type.form) {
    case shape::text:
    case shape::bytes: return type.view(value).size();
    case shape::sequence:
    case shape::optional: return bytes_of_elements(type, value);
    case shape::record: {
      std::size_t sum = 0;
      for (std::size_t i = 0; i < type.parts.size(); ++i)
        sum += owned_bytes(*type.parts[i], type.part(const_cast<void*>(value), i));
      return sum;
    }
    case shape::choice: {
      const std::size_t index = type.count(value);
      if (index >= type.parts.size()) return 0;
      return owned_bytes(*type.parts[index], type.part(const_cast<void*>(value), index));
    }
    default: return 0;
  }
}

}  // namespace

std::size_t footprint(const message_node& node) noexcept {
  const message_type& type = *node.type;
  std::size_t sum = sizeof node + type.size;
  if (type.value != nullptr)
    sum +=
        owned_bytes(*type.value, static_cast<const std::byte*>(node.payload()) + type.value_offset);
  return sum;
}

}  // namespace troupe::internal
