#pragma once
// The one way to include Catch2: version 2 (Debian 12) and version 3 (Debian 13) have other headers
// and, for one matcher, another name. Tests are written with version 3's names.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
// Its CHECK names the expression three times, to be warned about what is wrong in it; GCC 14 runs a
// co_await in the two that are not to be evaluated. This one names it once.
#undef INTERNAL_CATCH_TEST
#define INTERNAL_CATCH_TEST(macro, disposition, ...)                                         \
  do {                                                                                       \
    Catch::AssertionHandler catchAssertionHandler(macro##_catch_sr, CATCH_INTERNAL_LINEINFO, \
                                                  CATCH_INTERNAL_STRINGIFY(__VA_ARGS__),     \
                                                  disposition);                              \
    INTERNAL_CATCH_TRY {                                                                     \
      CATCH_INTERNAL_START_WARNINGS_SUPPRESSION                                              \
      CATCH_INTERNAL_SUPPRESS_PARENTHESES_WARNINGS                                           \
      catchAssertionHandler.handleExpr(Catch::Decomposer() <= __VA_ARGS__);                  \
      CATCH_INTERNAL_STOP_WARNINGS_SUPPRESSION                                               \
    }                                                                                        \
    INTERNAL_CATCH_CATCH(catchAssertionHandler)                                              \
    catchAssertionHandler.complete();                                                        \
  } while (false)
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
