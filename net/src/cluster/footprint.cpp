#include "cluster/footprint.hpp"

#include <algorithm>

namespace troupe::net::internal {

std::size_t held_bytes(const type_info& type, const void* value) {
  std::size_t sum = 0;
  switch (type.form) {
    case shape::text:
    case shape::bytes: return type.view(value).size();
    case shape::record:
      for (std::size_t i = 0; i < type.parts.size(); ++i)
        sum += held_bytes(*type.parts[i], type.part(const_cast<void*>(value), i));
      return sum;
    case shape::sequence:
    case shape::optional: {
      struct state {
        const type_info& element;
        std::size_t& sum;
      } of{*type.parts[0], sum};
      const auto add = [](void* s, const void* item) {
        const auto& [element, total] = *static_cast<state*>(s);
        total += element.size + held_bytes(element, item);
      };
      type.each(value, add, &of);
      return sum;
    }
    default: return 0;
  }
}

extent extent_of(const type_info& type, int depth) {
  constexpr int deep_enough = 8;  // a type may hold containers of itself
  if (depth == deep_enough) return extent::unknown;
  switch (type.form) {
    case shape::boolean:
    case shape::signed_integer:
    case shape::unsigned_integer:
    case shape::real:
    case shape::process: return extent::fixed;
    case shape::text:
    case shape::bytes: return extent::measured;
    case shape::record: {
      auto most = extent::fixed;
      for (const type_info* part : type.parts) most = std::max(most, extent_of(*part, depth + 1));
      return most;
    }
    case shape::sequence:
    case shape::optional: return std::max(extent::measured, extent_of(*type.parts[0], depth + 1));
    default: return extent::unknown;
  }
}

std::size_t footprint(const message& what) {
  const message_type& type = what.type();
  return type.size + (type.value == nullptr ? 0 : held_bytes(*type.value, what.value()));
}

}  // namespace troupe::net::internal
