#pragma once
// Scripts that troupe and Erlang/OTP play in the same way, and how what they tell is compared. See
// README.md.

#include <troupe/exit_reason.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace otp {

using words = std::vector<std::string>;
[[nodiscard]] words split(std::string_view line);
// Without the parts that are empty.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts, std::string_view between);

struct script {
  std::uint64_t seed = 0;
  std::vector<std::string> lines;
};

// A kind of script: how one is made from a seed, and who plays it.
struct subject {
  std::string_view name;
  std::string_view escript;  // a file of this folder
  script (*generate)(std::uint64_t seed);
  std::string (*play)(const script& what);  // on troupe; lines, each ended
};
extern const subject signals;
extern const subject supervisors;
[[nodiscard]] script generate_signals(std::uint64_t seed);
[[nodiscard]] script generate_supervisors(std::uint64_t seed);

// Reasons as scripts write them: normal, shutdown, kill, killed, noproc, s:x for {shutdown, x}, and
// any other word for a reason of the program's own.
struct own_reason {
  std::string word;
  friend bool operator==(const own_reason&, const own_reason&) = default;
};
[[nodiscard]] troupe::exit_reason reason_of(std::string_view word);
[[nodiscard]] std::string word_of(const troupe::exit_reason& reason);

// Makes scripts of these seeds, lets both play them, and fails the test with the shortest script
// that was found to differ, if one does. False if there is no Erlang here.
bool agree(const subject& what, std::uint64_t first_seed, std::uint64_t count);

}  // namespace otp
