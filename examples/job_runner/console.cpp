#include "console.hpp"

#include <fmt/format.h>

namespace jobs {

void console::handle(const attempt_started& e) {
  *out_ << fmt::format("{:>4}  start  {}{}\n", e.what.line, e.what.text,
                       e.attempt == 1 ? "" : fmt::format("  (attempt {})", e.attempt));
}

void console::handle(const attempt_failed& e) {
  const std::string next = e.retry_after ? fmt::format("again in {} ms", e.retry_after->count())
                                         : fmt::format("given up after {} attempts", e.attempt);
  *out_ << fmt::format("{:>4}  FAIL   {}: {}; {}\n", e.what.line, e.what.text, e.error, next);
}

void console::handle(const job_done& e) {
  *out_ << fmt::format("{:>4}  done   {}: {}\n", e.what.line, e.what.text, e.found);
}

}  // namespace jobs
