#pragma once

#include <troupe/destination.hpp>

#include <set>
#include <utility>

namespace troupe::net::internal {

/// The pairs of processes between which a message is being sent in fragments: what one sends to the
/// other after it waits, so that signals arrive as sent, and all others pass. Which process a name
/// means is known to its node only, so a name may be any process.
class lanes {
 public:
  void close(pid from, const destination& to) { closed_.emplace(from, key(to)); }
  void open_all() noexcept { closed_.clear(); }
  [[nodiscard]] bool closed(pid from, const destination& to) const {
    if (closed_.empty()) return false;
    if (!to.named()) return closed_.contains({from, to.id()}) || closed_.contains({from, any_name});
    const auto first = closed_.lower_bound({from, pid{}});
    return first != closed_.end() && first->first == from;
  }

 private:
  static constexpr pid any_name{};
  static pid key(const destination& to) { return to.named() ? any_name : to.id(); }

  std::set<std::pair<pid, pid>> closed_;
};

}  // namespace troupe::net::internal
