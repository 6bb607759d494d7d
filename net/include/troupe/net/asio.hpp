#pragma once
// Boost.Asio and Boost.Beast inside processes. All sockets of a system share one io_context, which
// its idle workers wait in; there are no other threads.

#include <troupe/context.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <optional>
#include <tuple>
#include <vector>

namespace troupe::net {

/// The io_context of a system: for sockets, acceptors, timers and streams that processes own. It is
/// made by the first call and lives until the system stops its workers, after the last process has
/// ended, so a process may keep what it makes with it. Only the workers run it: do not call `run`.
/// Any thread, and inside processes.
[[nodiscard]] boost::asio::io_context& io_context_of(troupe::system& system);

/// What `use_process` gives.
struct process_token {
  context self;
};

/// A completion token: an asynchronous operation of Asio or Beast becomes something that a process
/// awaits, which gives the operation's results as a tuple, error code first; nothing is thrown for
/// one. The operation begins when it is awaited. If the process is killed meanwhile, the operation
/// is cancelled (`cancellation_type::terminal`) and the process ends once it has completed.
///
/// An accept loop, with one process for each connection:
///
///     troupe::process echo(troupe::context self, tcp::socket socket) {
///       std::array<char, 4096> buffer;
///       for (;;) {
///         auto [failed, n] =
///             co_await socket.async_read_some(asio::buffer(buffer), use_process(self));
///         if (failed) co_return;
///         co_await asio::async_write(socket, asio::buffer(buffer, n), use_process(self));
///       }
///     }
///     troupe::process serve(troupe::context self, tcp::endpoint where) {
///       auto& io = troupe::net::io_context_of(self.system());
///       tcp::acceptor acceptor(io, where);
///       for (;;) {
///         tcp::socket socket(io);
///         auto [failed] = co_await acceptor.async_accept(socket, use_process(self));
///         if (failed) throw boost::system::system_error(failed);
///         self.spawn_link(echo, std::move(socket));
///       }
///     }
[[nodiscard]] inline process_token use_process(context self) noexcept { return {self}; }

/// Waits for one of these signals of the operating system and gives its number; while it waits,
/// they do not end the program: `co_await wait_for_signal(self, {SIGINT, SIGTERM})`. Throws
/// boost::system::system_error for what is no signal that can be caught.
[[nodiscard]] task<int> wait_for_signal(context self, std::vector<int> signals);

namespace internal {

// An operation of Asio under way for a process. It lives in the process's frame, which stays until
// nobody holds the operation any more: its handler, the functions posted to begin and to cancel it.
// Everything but `start` and `cancel` runs where the io_context runs, so one thing at a time.
class asio_operation : public operation {
 public:
  // Called in the awaiting process.
  explicit asio_operation(context self) : io_(io_context_of(self.system())), wait_(*this) {}

  [[nodiscard]] static constexpr bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) { wait_.await_suspend(leaf); }

 protected:
  virtual void initiate() = 0;
  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }
  [[nodiscard]] boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  void hold() noexcept { holds_.fetch_add(1, std::memory_order_relaxed); }
  // The last one tells the process, whose frame may then be gone.
  void release() noexcept;

 private:
  void start(completion done) final;
  void cancel() noexcept final;

  boost::asio::io_context& io_;
  boost::asio::cancellation_signal signal_;
  completion done_;
  std::atomic<int> holds_{0};
  std::exception_ptr failure_;
  troupe::internal::operation_wait wait_;
};

template <class Initiation, class InitArgs, class... Results>
class [[nodiscard("co_await it")]] asio_awaiter final : public asio_operation {
 public:
  asio_awaiter(context self, Initiation initiation, InitArgs args)
      : asio_operation(self), initiation_(std::move(initiation)), args_(std::move(args)) {}

  std::tuple<Results...> await_resume() {
    rethrow_failure();
    // Its handler was destroyed uncalled.
    if (!results_) throw boost::system::system_error(boost::asio::error::operation_aborted);
    return std::move(*results_);
  }

 private:
  class handler {
   public:
    using cancellation_slot_type = boost::asio::cancellation_slot;

    explicit handler(asio_awaiter& target) noexcept : target_(&target) { target.hold(); }
    handler(handler&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    handler& operator=(handler&&) = delete;
    ~handler() {
      if (target_ != nullptr) target_->release();
    }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
      return target_->slot();
    }
    template <class... Args>
    void operator()(Args&&... args) {
      target_->results_.emplace(std::forward<Args>(args)...);
      std::exchange(target_, nullptr)->release();
    }

   private:
    asio_awaiter* target_;
  };

  void initiate() override {
    std::apply(
        [this](auto&... args) { std::move(initiation_)(handler(*this), std::move(args)...); },
        args_);
  }

  Initiation initiation_;
  InitArgs args_;
  std::optional<std::tuple<Results...>> results_;
};

}  // namespace internal
}  // namespace troupe::net

template <class... Results>
class boost::asio::async_result<troupe::net::process_token, void(Results...)> {
 public:
  template <class Initiation, class... Args>
  static auto initiate(Initiation&& initiation, troupe::net::process_token token, Args&&... args) {
    return troupe::net::internal::asio_awaiter<
        std::decay_t<Initiation>, std::tuple<std::decay_t<Args>...>, std::decay_t<Results>...>(
        token.self, std::forward<Initiation>(initiation),
        std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...));
  }
};
