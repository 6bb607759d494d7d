#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace pooled {

/// The other side is gone, or does not answer in time.
class line_failed : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// One connection to a service that answers lines of text. Its functions block, and throw
/// line_failed. One thread at a time.
class line {
 public:
  line() = default;
  line(const line&) = delete;
  line& operator=(const line&) = delete;
  virtual ~line() = default;
  virtual std::string ask(const std::string& text) = 0;
};

/// Opens a line; throws line_failed if it cannot. Any thread.
using connect = std::function<std::shared_ptr<line>()>;

/// Over TCP, to this machine. No step takes longer than the limit.
[[nodiscard]] connect tcp(unsigned short port,
                          std::chrono::milliseconds limit = std::chrono::seconds(1));

}  // namespace pooled
