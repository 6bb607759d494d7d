#pragma once
// What a job is: a line of the input.

#include <troupe/context.hpp>

#include <chrono>
#include <istream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jobs {

struct hash_file {
  std::string path;
};
struct sleep_for {
  std::chrono::milliseconds time;
};
struct fail_at_random {
  double probability;
};

struct job {
  std::size_t line = 0;
  std::string text;  // as it stands in the input
  std::variant<hash_file, sleep_for, fail_at_random> what;
};

/// All lines that cannot be understood, each with its number and what was expected there.
class bad_input : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// One job a line; empty lines and those that begin with # are none. Throws bad_input, which names
/// the input, if a line is no job.
std::vector<job> read_jobs(std::istream& in, std::string_view name);

/// Does it, once, and gives what it found. Throws if it fails.
troupe::task<std::string> perform(troupe::context self, job what);

/// The 64-bit FNV-1a sum, as 16 hexadecimal digits.
std::string hash_of(std::string_view content);

}  // namespace jobs
