#include "runtime/blocking_pool.hpp"

#include "runtime/engine.hpp"

namespace troupe::internal {

void blocking_job::start(completion at_end) {
  done = at_end;
  running.home->turns->call(*this);
}

blocking_pool::~blocking_pool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void blocking_pool::submit(blocking_job& job) {
  const std::lock_guard lock(mutex_);
  if (waiting_jobs_ >= free_threads_ && threads_.size() < limit_) {
    threads_.emplace_back([this] { work(); });
    ++free_threads_;
  }
  job.next = nullptr;
  *last_ = &job;
  last_ = &job.next;
  ++waiting_jobs_;
  changed_.notify_one();
}

void blocking_pool::work() noexcept {
  platform::name_this_thread("troupe-block");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return first_ != nullptr || closing_; });
    if (first_ == nullptr) return;
    blocking_job& job = *first_;
    first_ = job.next;
    if (first_ == nullptr) last_ = &first_;
    --waiting_jobs_;
    --free_threads_;
    lock.unlock();
    job.run();
    const completion done = job.done;  // the job may be gone once it is told
    done();
    lock.lock();
    ++free_threads_;
  }
}

}  // namespace troupe::internal
