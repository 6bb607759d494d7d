#pragma once
// Threads, locks and sleeping until woken: the only place that names them.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace troupe::platform {

using mutex = std::mutex;
using shared_mutex = std::shared_mutex;
using condition = std::condition_variable;
using thread = std::thread;

[[nodiscard]] std::size_t core_count() noexcept;
void name_this_thread(const char* name) noexcept;

// The word is 32 bits wide. Sleeps while it has the expected value, until it is woken or the limit
// is over. May return for no reason.
void futex_wait(const void* word, std::uint32_t expected, std::chrono::nanoseconds limit) noexcept;
void futex_wake_one(const void* word) noexcept;

inline void yield_thread() noexcept { std::this_thread::yield(); }

}  // namespace troupe::platform
