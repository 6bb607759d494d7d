#pragma once

#include <troupe/sys.hpp>

#include "process/relations.hpp"

namespace troupe::internal {

// What is noted of a process that somebody follows by sys. Most processes never have one.
struct process_watch {
  // Whether each message is to be seen.
  [[nodiscard]] bool sees_messages() const noexcept { return counts || traced; }
  void takes(const message_node& message);
  void is_done();  // with what it took

  std::optional<sys::message_counts> counts;
  steady_time counted_since;
  bool traced = false;
  pid traces_to;                       // none: the log
  const type_info* handled = nullptr;  // what the message holds that it is not done with
};

// What sys does in any process, whatever it runs. `watch` is null while nothing is noted.
void take(request<sys::get_status> asked, process_slot& slot, bool suspended,
          const process_watch* watch);
void take(request<sys::statistics> asked, process_watch& watch);
void take(request<sys::trace> asked, process_watch& watch);

}  // namespace troupe::internal
