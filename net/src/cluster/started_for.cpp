#include "cluster/started_for.hpp"

#include "protocol/connection.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;

namespace {

class counted final : public core::kept_until_end {
 public:
  explicit counted(std::shared_ptr<started_count> in) : in_(std::move(in)) {}
  ~counted() override {
    if (in_ != nullptr) in_->alive.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  const std::shared_ptr<started_count> in_;
};

}  // namespace

// The mailbox is open and the process does not run: the monitor is the first that it finds, so it
// tells how the process ends, however soon that is.
std::unique_ptr<core::kept_until_end> started_for::enter(pid process) const {
  if (in_ != nullptr && in_->alive.fetch_add(1, std::memory_order_relaxed) >= in_->limit) {
    in_->alive.fetch_sub(1, std::memory_order_relaxed);
    throw exit_request{beyond_quota("processes (node_options::quota.processes)")};
  }
  auto kept = std::make_unique<counted>(in_);
  if (monitor_) core::deliver(home_, process, message::of(core::monitor_sent(asks_, monitor_)));
  return kept;
}

}  // namespace troupe::net::internal
