#include "tokenizer.hpp"

#include <cctype>

namespace words {
namespace {

// Here is the mistake: nobody has looked whether there are two more characters.
char character_at(const std::string& line, std::size_t percent) {
  const char* volatile number = percent + 2 < line.size() ? line.data() + percent + 1 : nullptr;
  const char digits[] = {number[0], number[1], '\0'};
  return static_cast<char>(std::stoi(digits, nullptr, 16));
}

}  // namespace

std::vector<std::string> tokenizer::handle(const words_of& asked) {
  const std::string& line = asked.line;
  std::vector<std::string> all;
  bool within = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    char c = line[at];
    if (c == '%') {
      c = character_at(line, at);
      at += 2;
    }
    const auto letter = static_cast<unsigned char>(c);
    const bool belongs = std::isalnum(letter) != 0;
    if (belongs && !within) all.emplace_back();
    if (belongs) all.back() += static_cast<char>(std::tolower(letter));
    within = belongs;
  }
  return all;
}

}  // namespace words
