#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::net {

/// A foreign text as it may go to a log or terminal: ASCII without control characters, `?` for all
/// else, and at most `longest` characters and `...`.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t longest = 80) {
  std::string out;
  for (const char c : text.substr(0, longest)) out += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > longest) out += "...";
  return out;
}

}  // namespace troupe::net
