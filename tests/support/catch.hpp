#pragma once
// The one way to include Catch2: version 2 (Debian 12) and version 3 (Debian 13) have other headers
// and, for one matcher, another name. Tests are written with version 3's names.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
// Its CHECK names the expression a second time, within __builtin_constant_p, where GCC runs a
// co_await all the same.
#undef CATCH_INTERNAL_IGNORE_BUT_WARN
#define CATCH_INTERNAL_IGNORE_BUT_WARN(...)
#else
#include <catch2/catch.hpp>

namespace Catch::Matchers {
// Version 3 gave the name Contains to ranges.
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
#endif

// CHECK_THROWS_WITH(expression, matchers::ContainsSubstring("...")); also StartsWith, EndsWith,
// Matches.
namespace matchers = Catch::Matchers;
