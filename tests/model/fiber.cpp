// The checked longjmp takes a jump to another stack for an error.
#undef _FORTIFY_SOURCE
#include "model/fiber.hpp"

#include <ucontext.h>

namespace troupe::model {
namespace {

fiber* in_preparation = nullptr;
ucontext_t preparer;

}  // namespace

// swapcontext saves the signal mask, which takes a system call: it serves to get onto the new stack
// once, and setjmp, which saves registers only, for all switches after that.
void fiber::prepare(void (*entry)(void*), void* argument) {
  if (stack_ == nullptr) stack_ = std::make_unique<std::byte[]>(stack_bytes);
  entry_ = entry;
  argument_ = argument;
  ucontext_t fresh;
  ::getcontext(&fresh);
  fresh.uc_stack.ss_sp = stack_.get();
  fresh.uc_stack.ss_size = stack_bytes;
  fresh.uc_link = nullptr;
  ::makecontext(&fresh, &fiber::begin, 0);
  in_preparation = this;
  ::swapcontext(&preparer, &fresh);
}

void fiber::begin() noexcept {
  fiber& self = *in_preparation;
  if (_setjmp(self.place_) == 0) ::setcontext(&preparer);
  self.entry_(self.argument_);
}

void fiber::change(fiber& from, fiber& to) noexcept {
  if (_setjmp(from.place_) == 0) _longjmp(to.place_, 1);
}

}  // namespace troupe::model
