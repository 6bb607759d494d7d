#pragma once

#include <troupe/troupe.hpp>

#include <iosfwd>

namespace words {

/// Counts the words of the input, the most frequent first, with the `tokenizer` of that name.
/// Gives how many lines it has lost to crashes; the log tells which.
[[nodiscard]] troupe::task<int> count(troupe::context self, std::istream& in, std::ostream& out);

}  // namespace words
