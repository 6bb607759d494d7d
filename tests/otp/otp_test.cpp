// troupe and Erlang/OTP do the same: random scripts, played on both. See README.md.
#include "otp/script.hpp"

#include "support/catch.hpp"

#include <cstdlib>

namespace {

// A longer run: TROUPE_SCRIPTS=20000 otp_tests; other seeds: TROUPE_SEED=1000000.
std::uint64_t number_from(const char* variable, std::uint64_t normally) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? normally : std::strtoull(text, nullptr, 10);
}

void expect_agreement(const otp::subject& what) {
  if (!otp::agree(what, number_from("TROUPE_SEED", 1), number_from("TROUPE_SCRIPTS", 500)))
    WARN("skipped: there is no escript here; the package erlang-base brings it");
}

}  // namespace

TEST_CASE("processes and links and monitors and exits and names do what Erlang's do") {
  expect_agreement(otp::signals);
}

TEST_CASE("supervisors do what OTP's do whatever they are told and whatever ends") {
  expect_agreement(otp::supervisors);
}
