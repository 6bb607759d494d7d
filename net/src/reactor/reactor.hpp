#pragma once

#include <troupe/net/transport.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <mutex>
#include <string_view>

namespace troupe::net {

// The sockets and timers of a system. It has no thread: whoever polls it runs its handlers, one
// thread at a time, and that is the executor of the transport.
class reactor final : public poller, public transport {
 public:
  // Handlers that one poll runs at most, so that processes get their turn.
  static constexpr std::size_t handlers_per_poll = 256;
  // Work that came within so many busy polls would have come within one, had its sender not slept:
  // a thread takes about that long to wake up.
  static constexpr int busy_polls_of_sleepers = 4;
  // Delays beyond it are taken for it: later points in time do not fit into a steady_time.
  static constexpr std::chrono::hours longest_delay{24 * 365 * 100};
  // Connections that may wait to be accepted; the operating system may allow fewer.
  static constexpr int accept_backlog = 1024;
  // Connections that one listener accepts before others have their turn.
  static constexpr int accepts_in_a_row = 64;
  // How long a listener waits when there is no descriptor for a connection.
  static constexpr std::chrono::milliseconds accept_pause{100};

  reactor(std::shared_ptr<clock> time, std::shared_ptr<log_sink> log,
          std::shared_ptr<resolver> names);
  // Destroys the callbacks uncalled, and the handles that they own with them. Handles that are left
  // then end the program with a report.
  ~reactor() override;
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  // See node_options::busy_poll. Any thread.
  void set_busy_poll(std::chrono::nanoseconds time) noexcept {
    busy_poll_.store(time, std::memory_order_relaxed);
  }

  void poll(std::chrono::nanoseconds limit) noexcept override;
  void interrupt() noexcept override;

  [[nodiscard]] io_result<std::unique_ptr<listener>> listen(const endpoint& where,
                                                            accept_handler accepted) override;
  [[nodiscard]] std::unique_ptr<pending> dial(const endpoint& where, std::chrono::nanoseconds limit,
                                              dial_handler done) override;
  void post(std::function<void()> function) override;
  void give_way() noexcept override { way_given_ = true; }
  [[nodiscard]] std::unique_ptr<pending> after(std::chrono::nanoseconds delay,
                                               std::function<void()> function) override;
  [[nodiscard]] steady_time now() const noexcept override { return time_->now(); }

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] resolver& names() noexcept { return *names_; }
  void log(log_level level, std::string_view text) const noexcept { log_->write(level, text); }

  // Runs it and logs what it throws.
  template <class Function>
  void guarded(Function&& function) noexcept {
    try {
      std::forward<Function>(function)();
    } catch (...) {
      report_exception();
    }
  }

  // The base of each handle, so that none is left unnoticed.
  class guest : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    explicit guest(reactor& host);
    virtual ~guest();
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;
    // Destroys the callbacks uncalled. They may own this handle.
    virtual void abandon() noexcept = 0;

   private:
    reactor& host_;
  };

 private:
  bool run_ready() noexcept;
  bool wait(std::chrono::nanoseconds limit) noexcept;
  bool sleep(steady_time deadline) noexcept;
  void set_alarm(steady_time when);
  void report_exception() const noexcept;

  const std::shared_ptr<clock> time_;
  const std::shared_ptr<log_sink> log_;
  const std::shared_ptr<resolver> names_;
  // Handles, which other threads may add to: those of `listen`.
  using guest_list = boost::intrusive::list<guest, boost::intrusive::constant_time_size<false>>;
  struct guest_book {
    ~guest_book();
    std::mutex mutex;
    guest_list all;
  };
  guest_book guests_;  // before `io_`, whose callbacks own some
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> polling_{false};
  std::atomic<std::chrono::nanoseconds> busy_poll_{default_busy_poll};
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stay_;

  // Of the thread that polls.
  bool way_given_ = false;
  boost::asio::steady_timer alarm_;
  steady_time alarm_at_ = steady_time::max();
  steady_time last_work_{};
  // For how long to look at the sockets: the whole busy poll after work that looking would find;
  // half as long after each that came too late.
  std::chrono::nanoseconds looks_for_ = default_busy_poll;
};

}  // namespace troupe::net
