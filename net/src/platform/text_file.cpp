#include "platform/text_file.hpp"

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace troupe::net::internal {

std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text(max_bytes + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    throw std::runtime_error("cannot read " + file.string() + ": " +
                             std::generic_category().message(errno) +
                             "; let the user that runs this program read it");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max_bytes)
    throw std::runtime_error(file.string() + " is longer than " + std::to_string(max_bytes) +
                             " bytes; is it the right file?");
  return text;
}

}  // namespace troupe::net::internal
