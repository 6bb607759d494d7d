#include "tokenizer.hpp"

#include "support/catch.hpp"

TEST_CASE(
    "words are what is between other characters, in lower case, with numbers for characters") {
  troupe::system system;
  const auto tokenizer = system.spawn<words::tokenizer>();
  CHECK(system.call(tokenizer, words::words_of{" The end,the%20END%21 "}) ==
        std::vector<std::string>{"the", "end", "the", "end"});
  CHECK(system.call(tokenizer, words::words_of{""}).empty());
}
