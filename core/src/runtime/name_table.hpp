#pragma once

#include <troupe/pid.hpp>

#include "platform/threads.hpp"

#include <map>
#include <string>
#include <string_view>

namespace troupe::internal {

// Names of processes on this node. Linearisable: one lock.
class name_table {
 public:
  // None if the name is now p's; else its holder, and nothing changes.
  pid add(std::string_view name, pid p) {
    const std::unique_lock lock(mutex_);
    const auto [at, fresh] = names_.try_emplace(std::string(name), p);
    return fresh ? pid{} : at->second;
  }
  // Only if it is p's.
  bool remove(std::string_view name, pid p) {
    const std::unique_lock lock(mutex_);
    const auto at = names_.find(name);
    if (at == names_.end() || at->second != p) return false;
    names_.erase(at);
    return true;
  }
  [[nodiscard]] pid find(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto at = names_.find(name);
    return at == names_.end() ? pid{} : at->second;
  }
  // For reports: the first of its names with a space before it; looks through all. Empty if none.
  [[nodiscard]] std::string text_of(pid p) const {
    const std::shared_lock lock(mutex_);
    for (const auto& [name, holder] : names_)
      if (holder == p) return " " + name;
    return {};
  }
  [[nodiscard]] std::size_t size() const {
    const std::shared_lock lock(mutex_);
    return names_.size();
  }

 private:
  mutable platform::shared_mutex mutex_;
  std::map<std::string, pid, std::less<>> names_;
};

}  // namespace troupe::internal
