#pragma once

#include <troupe/troupe.hpp>

#include <string>
#include <vector>

namespace words {

/// Asks for the words of a line, in lower case. `%2d` stands for the character with that number.
struct words_of {
  using reply = std::vector<std::string>;
  std::string line;
};

/// Cuts lines into words, by code that has a mistake: a `%` without its number at the end of a line
/// follows a stray pointer. It stands for all the code that one has to use and cannot trust.
class tokenizer : public troupe::server {
 public:
  using handles = troupe::messages<words_of>;
  std::vector<std::string> handle(const words_of& asked);
};

}  // namespace words
