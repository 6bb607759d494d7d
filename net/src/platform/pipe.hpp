#pragma once
// Pipes, read and written without waiting.

#include <cstddef>
#include <span>
#include <string_view>

#include "platform/descriptor.hpp"

namespace troupe::net {

struct pipe_ends {
  descriptor read;
  descriptor write;
};
/// Not inherited by other programs. Throws std::system_error.
[[nodiscard]] pipe_ends make_pipe();

/// For this end only. Throws std::system_error.
void make_nonblocking(const descriptor& end);
/// Another descriptor of the same file, not inherited by other programs. Throws std::system_error.
[[nodiscard]] descriptor copy_of(const descriptor& original);

struct pipe_step {
  enum class state { moved, would_wait, over };  // over: nobody is at the other end
  state what;
  std::size_t bytes = 0;
};
[[nodiscard]] pipe_step read_now(const descriptor& from, std::span<char> into) noexcept;
/// Without the SIGPIPE of who writes in vain.
[[nodiscard]] pipe_step write_now(const descriptor& to, std::string_view bytes) noexcept;

}  // namespace troupe::net
