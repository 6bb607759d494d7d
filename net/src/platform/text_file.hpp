#pragma once

#include <filesystem>
#include <string>

namespace troupe::net::internal {

/// All that is in a file. Throws std::runtime_error, whose text names it: it cannot be read, or is
/// longer. Blocks on the disk.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes);

}  // namespace troupe::net::internal
