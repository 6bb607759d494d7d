#include <troupe/async_stream.hpp>
#include <troupe/system.hpp>

#include <algorithm>

namespace troupe::internal {

running_jobs::running_jobs(context self, async_stream_options how) : how_(std::move(how)) {
  if (how_.max_concurrency == 0) how_.max_concurrency = self.system().workers();
}

task<> running_jobs::start(context self, std::unique_ptr<job> work) {
  if (!how_.under) {
    jobs_.push_back(start_job(self, std::move(work), how_.timeout));
    co_return;
  }
  try {
    jobs_.push_back(co_await start_job_under(self, *how_.under, std::move(work), how_.timeout));
  } catch (const call_error&) {
    (void)end();
    throw;
  }
}

std::vector<job_handle> running_jobs::end() {
  over_ = true;
  return std::exchange(jobs_, {});
}

task<message_node*> running_jobs::next(const message_type& wanted) {
  std::vector<job_handle*> looked_at{&jobs_.front()};
  if (!how_.ordered)
    for (std::size_t i = 1; i < jobs_.size(); ++i) looked_at.push_back(&jobs_[i]);
  // All have the same time, so the one that was started first is the first to be late.
  co_await await_jobs(looked_at, until::one_done, jobs_.front().deadline());
  const auto done = std::find_if(looked_at.begin(), looked_at.end(),
                                 [](const job_handle* one) { return one->done(); });
  job_handle* const chosen = done != looked_at.end() ? *done : looked_at.front();
  if (!chosen->done() && how_.on_timeout == stream_timeout::fail) {
    std::vector<job_handle> ended = end();
    job_handle* const late = &ended.front();
    check_jobs({&late, 1});
  }
  message_node* const came = chosen->take(wanted);
  jobs_.erase(jobs_.begin() + (chosen - jobs_.data()));
  co_return came;
}

}  // namespace troupe::internal
