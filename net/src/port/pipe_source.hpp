#pragma once

#include <troupe/troupe.hpp>

#include <string>
#include <string_view>

#include "platform/descriptor.hpp"

namespace troupe::net {

/// To a process that reads a pipe: no program writes any more; what is in the pipe now is the end
/// of it.
struct last_output {};

/// A pipe that a process reads: `while (co_await source.more()) splitter.feed(source.bytes())`.
class pipe_source {
 public:
  /// Non-blocking.
  pipe_source(context self, descriptor from);
  /// Waits for bytes; false at the end of the output.
  [[nodiscard]] task<bool> more();
  [[nodiscard]] std::string_view bytes() const { return {buffer_.data(), got_}; }

 private:
  task<> wait();

  context self_;
  descriptor from_;
  std::string buffer_;
  std::size_t got_ = 0;
  bool last_ = false;
};

}  // namespace troupe::net
