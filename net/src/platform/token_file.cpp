#include "platform/token_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>

#include "platform/descriptor.hpp"

namespace troupe::net::internal {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& why) {
  throw std::runtime_error("the tokens of the directory in " + file.string() + ": " + why);
}
[[noreturn]] void fail_by_system(const std::filesystem::path& file, const char* what) {
  const int error = errno;
  fail(file, std::string("cannot ") + what + ": " + std::generic_category().message(error) +
                 "; give the directory a file that it may write, on a disk with room");
}

std::uint64_t next_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    if (!std::filesystem::exists(file)) return 1;
    fail_by_system(file, "read it");
  }
  std::string text;
  std::getline(in, text);
  std::uint64_t next = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), next);
  if (error != std::errc{} || end != text.data() + text.size() || next == 0 ||
      next > std::numeric_limits<std::uint64_t>::max() - tokens_of_a_life)
    fail(file, "it must hold one number, the next free token, and holds '" + text.substr(0, 40) +
                   "'; write a number there that is greater than all tokens that were ever given");
  return next;
}

void sync(const std::filesystem::path& file, int flags) {
  const descriptor opened(::open(file.c_str(), flags | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) fail_by_system(file, "write it");
}

}  // namespace

std::uint64_t take_tokens(const std::filesystem::path& file) {
  const std::uint64_t first = next_in(file);
  std::filesystem::path fresh = file;
  fresh += ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << first + tokens_of_a_life << '\n';
    out.close();
    if (!out) fail_by_system(fresh, "write it");
  }
  sync(fresh, O_WRONLY);
  std::error_code failed;
  std::filesystem::rename(fresh, file, failed);
  if (failed) fail(file, "cannot write it: " + failed.message());
  const std::filesystem::path folder = file.parent_path();
  sync(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  return first;
}

}  // namespace troupe::net::internal
