#include "platform/threads.hpp"

#include <troupe/sync.hpp>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace troupe::platform {

std::size_t core_count() noexcept {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : cores;
}

void name_this_thread(const char* name) noexcept { ::pthread_setname_np(::pthread_self(), name); }

void futex_wait(const void* word, std::uint32_t expected, std::chrono::nanoseconds limit) noexcept {
  using std::chrono::seconds;
  const auto whole = std::chrono::duration_cast<seconds>(limit);
  timespec time{};
  time.tv_sec = whole.count();
  time.tv_nsec = (limit - whole).count();
  const bool endless = limit == std::chrono::nanoseconds::max();
  ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, endless ? nullptr : &time, nullptr, 0);
}

void futex_wake_one(const void* word) noexcept {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace troupe::platform

namespace troupe::internal {

namespace {
bool register_barrier() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}
}  // namespace

const bool std_sync::lopsided_barrier::kernel_helps = register_barrier();

void std_sync::lopsided_barrier::heavy() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (kernel_helps) ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void std_sync::yield() noexcept { platform::yield_thread(); }

void std_sync::sleep(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                     std::chrono::nanoseconds limit) noexcept {
  platform::futex_wait(&word, expected, limit);
}

void std_sync::wake_one(const std::atomic<std::uint32_t>& word) noexcept {
  platform::futex_wake_one(&word);
}

}  // namespace troupe::internal
