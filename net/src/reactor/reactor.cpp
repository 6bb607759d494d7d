#include "reactor/reactor.hpp"

#include "reactor/dialler.hpp"
#include "reactor/tcp_listener.hpp"
#include "reactor/timer.hpp"

#include <troupe/exit_reason.hpp>
#include <troupe/sync.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace troupe::net {

using namespace std::chrono_literals;

// One thread runs it at a time, but it must not be told so: what a callback posts would then come
// after what another thread posts later.
reactor::reactor(std::shared_ptr<clock> time, std::shared_ptr<log_sink> log,
                 std::shared_ptr<resolver> names)
    : time_(std::move(time)),
      log_(std::move(log)),
      names_(std::move(names)),
      stay_(boost::asio::make_work_guard(io_)),
      alarm_(io_) {}

reactor::~reactor() {
  // Each callback that goes may take handles with it, those of this list too.
  guest_list left;
  while (!guests_.all.empty()) {
    guest& one = guests_.all.front();
    guests_.all.pop_front();
    left.push_back(one);
    one.abandon();
  }
  guests_.all.swap(left);
}

// --- the handles ---------------------------------------------------------------------------------

reactor::guest::guest(reactor& host) : host_(host) {
  const std::lock_guard lock(host_.guests_.mutex);
  host_.guests_.all.push_back(*this);
}

reactor::guest::~guest() {
  const std::lock_guard lock(host_.guests_.mutex);
  unlink();
}

reactor::guest_book::~guest_book() {
  if (all.empty()) return;
  std::fputs(
      "troupe: a transport ended before the streams, listeners, dials or timers made with it: "
      "destroy what uses the network of a system (a node, a server) before the system\n",
      stderr);
  std::abort();
}

// --- the poller ----------------------------------------------------------------------------------

void reactor::poll(std::chrono::nanoseconds limit) noexcept {
  if (polling_.exchange(true, std::memory_order_acquire)) {
    std::fputs("troupe: two threads poll one reactor at once\n", stderr);
    std::abort();
  }
  // An interrupt sets the flag, then stops the io_context. One whose stop is undone by this restart
  // has set the flag before we look at it; of one that we miss here, the stop is still to come.
  io_.restart();
  if (interrupted_.exchange(false, std::memory_order_seq_cst)) limit = 0ns;
  way_given_ = false;
  std::size_t ran = limit > 0ns && wait(limit) ? 1 : 0;
  if (limit <= 0ns || ran > 0)
    while (ran < handlers_per_poll && !way_given_ && run_ready()) ++ran;
  if (ran > 0) last_work_ = now();
  polling_.store(false, std::memory_order_release);
}

void reactor::interrupt() noexcept {
  interrupted_.store(true, std::memory_order_seq_cst);
  io_.stop();
}

bool reactor::run_ready() noexcept {
  bool ran = true;  // what throws has run
  guarded([&] { ran = io_.poll_one() > 0; });
  return ran;
}

// Whether a handler ran.
bool reactor::wait(std::chrono::nanoseconds limit) noexcept {
  const steady_time deadline = limit < longest_delay ? now() + limit : steady_time::max();
  if (run_ready()) return true;
  const auto most = busy_poll_.load(std::memory_order_relaxed);
  bool ran = false;
  for (const auto until = std::min(deadline, later(last_work_, std::min(looks_for_, most)));
       !ran && now() < until; ran = run_ready()) {
    if (io_.stopped()) return false;
    troupe::internal::std_sync::yield();  // the peer may be waiting for this very core
  }
  if (!ran) ran = sleep(deadline);
  if (ran)
    looks_for_ = (now() - last_work_) / busy_polls_of_sleepers < most ? most : looks_for_ / 2;
  return ran;
}

bool reactor::sleep(steady_time deadline) noexcept {
  bool ran = true;  // what throws has run
  guarded([&] {
    set_alarm(deadline);
    ran = io_.run_one() > 0;
  });
  return ran;
}

// Sleeps end by a timer and not by `run_one_for`, which rounds up to milliseconds. One that is
// armed for an earlier time stays: it costs a look around, and a new one two system calls.
void reactor::set_alarm(steady_time when) {
  if (alarm_at_ <= when) return;
  alarm_at_ = steady_time::max();  // if it cannot be armed
  alarm_.expires_after(when - now());
  alarm_.async_wait([this](const boost::system::error_code& replaced) {
    if (!replaced) alarm_at_ = steady_time::max();
  });
  alarm_at_ = when;
}

void reactor::report_exception() const noexcept {
  const exit_reason what = exit_reason::from_current_exception();
  try {
    log(log_level::error, "a callback of the network threw " + to_string(what) + "; it goes on");
  } catch (const std::bad_alloc&) {
    log(log_level::error, "a callback of the network threw, and there is no memory to say what");
  }
}

// --- the transport -------------------------------------------------------------------------------

io_result<std::unique_ptr<listener>> reactor::listen(const endpoint& where,
                                                     accept_handler accepted) {
  return tcp_listener::open(*this, where, std::move(accepted));
}

std::unique_ptr<pending> reactor::dial(const endpoint& where, std::chrono::nanoseconds limit,
                                       dial_handler done) {
  return start_dial(*this, where, limit, std::move(done));
}

void reactor::post(std::function<void()> function) { boost::asio::post(io_, std::move(function)); }

std::unique_ptr<pending> reactor::after(std::chrono::nanoseconds delay,
                                        std::function<void()> function) {
  return std::make_unique<timer>(*this, delay, std::move(function));
}

}  // namespace troupe::net
