#pragma once

#include <csetjmp>
#include <cstddef>
#include <memory>

namespace troupe::model {

// A stack of its own, on which one thread of a modelled program runs. All fibers share one thread
// of the operating system, so a switch costs some nanoseconds.
class fiber {
 public:
  // Makes the fiber ready: the first switch to it calls `entry`, which must not return. A fiber
  // that is in the middle of something may be made anew; what is on its stack is forgotten, not
  // destroyed.
  void prepare(void (*entry)(void*), void* argument);

  // Goes on in `to`; returns when somebody switches back to `from`.
  static void change(fiber& from, fiber& to) noexcept;

 private:
  static constexpr std::size_t stack_bytes = std::size_t{128} * 1024;
  static void begin() noexcept;

  std::jmp_buf place_{};
  std::unique_ptr<std::byte[]> stack_;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace troupe::model
