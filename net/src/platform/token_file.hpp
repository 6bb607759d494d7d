#pragma once

#include <cstdint>
#include <filesystem>

namespace troupe::net::internal {

/// How many fencing tokens one life of a directory may give.
inline constexpr std::uint64_t tokens_of_a_life = std::uint64_t{1} << 40;

/// Takes so many numbers out of a file, which holds the next free one as text, and gives the first.
/// When it returns they are taken for good: the file's new content is on the disk. A file that is
/// not there is made. Throws std::runtime_error. Blocks on the disk.
[[nodiscard]] std::uint64_t take_tokens(const std::filesystem::path& file);

}  // namespace troupe::net::internal
