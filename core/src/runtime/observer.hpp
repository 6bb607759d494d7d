#pragma once

#include <troupe/destination.hpp>
#include <troupe/exit_reason.hpp>
#include <troupe/message.hpp>

#include <string_view>

namespace troupe::internal {

// Who watches what a system does. Null in production; a simulation checks and records by it.
class observer {
 public:
  virtual void spawned(pid process, pid parent, std::string_view name) = 0;
  // To a process of this system: the node is about to be pushed.
  virtual void sent(pid to, const message_node& node) = 0;
  // To another node.
  virtual void sent_away(const destination& to, const message_node& node) = 0;
  // The node does not reach a process: it is refused, or was not read when its receiver ended.
  virtual void dropped(const message_node& node) = 0;
  // By the running process, out of its mailbox.
  virtual void received(const message_node& node) = 0;

  virtual void ended(pid process, const exit_reason& reason) = 0;
  virtual void reached(std::string_view what) = 0;

 protected:
  ~observer() = default;
};

}  // namespace troupe::internal
