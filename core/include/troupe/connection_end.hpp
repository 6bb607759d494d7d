#pragma once
// Nothing here is for users to name.

#include <troupe/sync.hpp>

#include <atomic>

namespace troupe::internal {

/// Whether a connection to another node is over. Whoever is told that it is not has sent all that
/// it sent before to that connection: whoever ends it finds that there, if it looks after `come`.
/// Both read and write, so one of the two is first, and the second sees what was before. Any
/// thread.
template <class Sync>
class basic_connection_end {
 public:
  void come() noexcept { over_.exchange(1, std::memory_order_acquire); }  // with has_come
  [[nodiscard]] bool has_come() noexcept {
    return over_.fetch_or(0, std::memory_order_release) != 0;  // with come
  }

 private:
  typename Sync::template atomic<unsigned> over_{0};
};

using connection_end = basic_connection_end<std_sync>;

}  // namespace troupe::internal
