#include "platform/forbidden_calls.hpp"

#include <dlfcn.h>
#include <sys/random.h>
#include <sys/time.h>

#include <cstring>
#include <ctime>

namespace troupe::platform {

constinit thread_local void (*on_forbidden_call)(const char* name) = nullptr;

namespace {

// Whether the program itself asked, or the standard library for it: an allocator may look at the
// clock for its own ends.
bool asked_by_program(const void* caller) {
  static const void* const program = [] {
    Dl_info here{};
    return ::dladdr(reinterpret_cast<void*>(&asked_by_program), &here) != 0 ? here.dli_fbase
                                                                            : nullptr;
  }();
  Dl_info from{};
  if (::dladdr(caller, &from) == 0) return false;
  return from.dli_fbase == program ||
         (from.dli_fname != nullptr && std::strstr(from.dli_fname, "libstdc++") != nullptr);
}

// Tells, once a call: what is done about it may ask for the time itself.
bool forbidden(const char* name, const void* caller) {
  if (on_forbidden_call == nullptr || !asked_by_program(caller)) return false;
  auto* const tell = on_forbidden_call;
  on_forbidden_call = nullptr;
  tell(name);
  on_forbidden_call = tell;
  return true;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace troupe::platform

using troupe::platform::forbidden;
using troupe::platform::next;

// Each call that is forbidden gives something harmless: the run is over at the end of the step.
extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  forbidden("clock_gettime", __builtin_return_address(0));
  return real(clock, time);
}

int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept {
  static auto* const real = next<int(timeval*, void*)>("gettimeofday");
  forbidden("gettimeofday", __builtin_return_address(0));
  return real(time, zone);
}

time_t time(time_t* into) noexcept {
  static auto* const real = next<time_t(time_t*)>("time");
  forbidden("time", __builtin_return_address(0));
  return real(into);
}

int nanosleep(const timespec* wanted, timespec* left) {
  static auto* const real = next<int(const timespec*, timespec*)>("nanosleep");
  return forbidden("nanosleep", __builtin_return_address(0)) ? 0 : real(wanted, left);
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* wanted, timespec* left) {
  static auto* const real =
      next<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
  return forbidden("clock_nanosleep", __builtin_return_address(0))
             ? 0
             : real(clock, flags, wanted, left);
}

int usleep(useconds_t wanted) {
  static auto* const real = next<int(useconds_t)>("usleep");
  return forbidden("usleep", __builtin_return_address(0)) ? 0 : real(wanted);
}

unsigned sleep(unsigned wanted) {
  static auto* const real = next<unsigned(unsigned)>("sleep");
  return forbidden("sleep", __builtin_return_address(0)) ? 0 : real(wanted);
}

ssize_t getrandom(void* into, size_t size, unsigned flags) {
  static auto* const real = next<ssize_t(void*, size_t, unsigned)>("getrandom");
  forbidden("getrandom", __builtin_return_address(0));
  return real(into, size, flags);
}

int getentropy(void* into, size_t size) {
  static auto* const real = next<int(void*, size_t)>("getentropy");
  forbidden("getentropy", __builtin_return_address(0));
  return real(into, size);
}

int rand() noexcept {
  static auto* const real = next<int()>("rand");
  forbidden("rand", __builtin_return_address(0));
  return real();
}

long random() noexcept {
  static auto* const real = next<long()>("random");
  forbidden("random", __builtin_return_address(0));
  return real();
}

// std::random_device of libstdc++ may ask the processor itself: its own function is the one to see.
unsigned troupe_random_device_getval(void* self) asm("_ZNSt13random_device9_M_getvalEv");
unsigned troupe_random_device_getval(void* self) {
  static auto* const real = next<unsigned(void*)>("_ZNSt13random_device9_M_getvalEv");
  forbidden("std::random_device", __builtin_return_address(0));
  return real(self);
}
}
