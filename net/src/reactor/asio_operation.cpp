#include <troupe/net/asio.hpp>

#include <boost/asio/signal_set.hpp>

namespace troupe::net {
namespace internal {

namespace asio = boost::asio;

// The initiation holds the operation too: it may complete, or throw, while it is being begun.
void asio_operation::start(completion done) {
  done_ = done;
  hold();
  try {
    asio::post(io_, [this] {
      try {
        initiate();
      } catch (...) {
        failure_ = std::current_exception();
      }
      release();
    });
  } catch (...) {
    holds_.store(0, std::memory_order_relaxed);  // it has not begun
    throw;
  }
}

// Posted behind the initiation, so that there is something to cancel, and between handlers, as the
// operation's parts expect. If it is just completing, there is nothing left to hold.
void asio_operation::cancel() noexcept {
  int holds = holds_.load(std::memory_order_acquire);
  do {
    if (holds == 0) return;
  } while (!holds_.compare_exchange_weak(holds, holds + 1, std::memory_order_acq_rel));
  try {
    asio::post(io_, [this] {
      try {
        signal_.emit(asio::cancellation_type::terminal);
      } catch (...) {
        failure_ = std::current_exception();
      }
      release();
    });
  } catch (const std::bad_alloc&) {
    release();  // then it ends when it ends by itself
  }
}

void asio_operation::release() noexcept {
  const completion done = done_;
  // Release: what this holder did is seen by the last one; acquire: and by the process.
  if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) done();
}

}  // namespace internal

task<int> wait_for_signal(context self, std::vector<int> signals) {
  boost::asio::signal_set set(io_context_of(self.system()));
  for (const int s : signals) set.add(s);
  const auto [failed, number] = co_await set.async_wait(use_process(self));
  if (failed) throw boost::system::system_error(failed);
  co_return number;
}

}  // namespace troupe::net
