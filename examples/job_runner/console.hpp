#pragma once
// Shows what happens, a line for each event.

#include "runner.hpp"

#include <ostream>

namespace jobs {

class console : public troupe::event_handler {
 public:
  using handles = troupe::messages<attempt_started, attempt_failed, job_done>;
  /// The stream outlives the system; nobody else writes to it meanwhile.
  explicit console(std::ostream* out) : out_(out) {}
  void handle(const attempt_started& e);
  void handle(const attempt_failed& e);
  void handle(const job_done& e);

 private:
  std::ostream* out_;
};

}  // namespace jobs
