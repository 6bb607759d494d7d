#include "platform/pipe.hpp"

#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>
#include <system_error>

namespace troupe::net {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

pipe_step step_of(ssize_t moved) noexcept {
  if (moved > 0) return {pipe_step::state::moved, static_cast<std::size_t>(moved)};
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {pipe_step::state::would_wait};
  return {pipe_step::state::over};
}

// A SIGPIPE that this thread causes is taken back; one that was pending before stays.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~without_sigpipe() {
    constexpr timespec at_once{};
    const int error = errno;
    if (error == EPIPE && !was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_;
};

}  // namespace

pipe_ends make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail("no pipe for a program (is the limit of open files reached?)");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

void make_nonblocking(const descriptor& end) {
  if (::fcntl(end.get(), F_SETFL, O_NONBLOCK) != 0) fail("a pipe does not become non-blocking");
}

descriptor copy_of(const descriptor& original) {
  descriptor copy(::fcntl(original.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) fail("no descriptor for a child (is the limit of open files reached?)");
  return copy;
}

pipe_step read_now(const descriptor& from, std::span<char> into) noexcept {
  ssize_t got = 0;
  do got = ::read(from.get(), into.data(), into.size());
  while (got < 0 && errno == EINTR);
  return step_of(got);
}

pipe_step write_now(const descriptor& to, std::string_view bytes) noexcept {
  const without_sigpipe guard;
  ssize_t put = 0;
  do put = ::write(to.get(), bytes.data(), bytes.size());
  while (put < 0 && errno == EINTR);
  return step_of(put);
}

}  // namespace troupe::net
