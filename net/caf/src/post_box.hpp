#pragma once

#include <troupe/system.hpp>

#include "platform/lock.hpp"

#include <mutex>
#include <shared_mutex>

namespace troupe::caf::internal {

// How CAF's threads reach a process of ours. What is posted once it is closed is dropped, so CAF
// may keep the box for as long as it likes, longer than our system.
class post_box {
 public:
  // Without effect if it was closed: the process may have ended before its maker comes to this.
  void open(troupe::internal::engine& home, pid to) {
    const std::lock_guard hold(lock_);
    if (!closed_) home_ = &home;
    to_ = to;
  }
  // When it returns nobody is posting.
  void close() {
    const std::lock_guard hold(lock_);
    closed_ = true;
    home_ = nullptr;
  }
  template <class T>
  void post(T what) {
    const std::shared_lock hold(lock_);
    if (home_ != nullptr)
      troupe::internal::send_from(*home_, to_, troupe::internal::make_node<T>(std::move(what)));
  }

 private:
  net::platform::shared_mutex lock_;
  bool closed_ = false;
  troupe::internal::engine* home_ = nullptr;
  pid to_;
};

}  // namespace troupe::caf::internal
