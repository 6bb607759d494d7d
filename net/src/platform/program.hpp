#pragma once

#include <string>
#include <string_view>

namespace troupe::net {

/// How this program was called: its words, quoted for a shell.
[[nodiscard]] std::string command_line();

/// Writes a file anew; false if it cannot be.
bool write_file(const std::string& path, std::string_view text);

/// Who reads standard error sees it; whole lines.
void print_error(std::string_view text);

}  // namespace troupe::net
