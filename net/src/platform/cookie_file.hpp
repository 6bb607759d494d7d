#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "protocol/cookie.hpp"

namespace troupe::net {

/// The environment variable that may hold the cookie.
inline constexpr const char* cookie_variable = "TROUPE_COOKIE";

/// The environment variable that may name the file of the cookie.
inline constexpr const char* cookie_file_variable = "TROUPE_COOKIE_FILE";

/// Where a node takes its cookie from: the first of `text`, the environment variable and the file
/// that is there. One that is there and bad is an error, and the next is not tried.
struct cookie_source {
  std::optional<std::string> text{};  ///< the cookie itself
  std::filesystem::path file{};       ///< empty: $TROUPE_COOKIE_FILE, else $HOME/.troupe.cookie
};

/// Reads the cookie. The file must be a regular file of the user that runs this process, which only
/// its owner may read or write: no bit of its mode but 0400 and 0200. A symbolic link is followed,
/// and the rule holds for the file behind it. Blocks on the disk; reads the environment.
[[nodiscard]] std::variant<cookie, cookie_error> load_cookie(const cookie_source& source);

}  // namespace troupe::net
