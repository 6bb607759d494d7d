#pragma once
// Refuses the compilers which miscompile what this library is made of.

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error \
    "troupe needs Clang 16 or GCC 13: GCC 12 destroys temporaries of co_await expressions twice. \
On Debian 12 install clang-19, on Debian 13 g++-14."
#endif
#if defined(__clang__) && __clang_major__ < 16
#error "troupe needs Clang 16 or newer. On Debian 12 install clang-19."
#endif
