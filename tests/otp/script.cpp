#include "otp/script.hpp"

#include <sstream>

namespace otp {

using troupe::exit_reason;

words split(std::string_view line) {
  std::istringstream in{std::string(line)};
  words all;
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

exit_reason reason_of(std::string_view word) {
  for (const exit_reason& plain : {exit_reason::normal, exit_reason::shutdown, exit_reason::kill,
                                   exit_reason::killed, exit_reason::noproc})
    if (word == word_of(plain)) return plain;
  if (word.starts_with("s:"))
    return exit_reason::shutdown_with(own_reason{std::string(word.substr(2))});
  return exit_reason::of(own_reason{std::string(word)});
}

std::string word_of(const exit_reason& reason) {
  const auto* const own = reason.get_if<own_reason>();
  switch (reason.what()) {
    case exit_reason::kind::error: return "error";
    case exit_reason::kind::user: return own != nullptr ? own->word : to_string(reason);
    case exit_reason::kind::shutdown:
      if (own != nullptr) return "s:" + own->word;
      [[fallthrough]];
    default: return to_string(reason);
  }
}

}  // namespace otp
