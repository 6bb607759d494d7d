#pragma once

#include <troupe/operation.hpp>

#include "platform/threads.hpp"

#include <vector>

namespace troupe::internal {

// Threads for functions that block. Started when a job finds none free, up to the limit; jobs wait
// in order when all are busy.
class blocking_pool {
 public:
  explicit blocking_pool(std::size_t limit) : limit_(limit) {}
  ~blocking_pool();
  void submit(blocking_job& job);

 private:
  void work() noexcept;

  std::size_t limit_;
  platform::mutex mutex_;
  platform::condition changed_;
  blocking_job* first_ = nullptr;
  blocking_job** last_ = &first_;
  std::size_t waiting_jobs_ = 0;
  std::size_t free_threads_ = 0;
  bool closing_ = false;
  std::vector<platform::thread> threads_;
};

}  // namespace troupe::internal
