# TROUPE_SANITIZE: address (with undefined behaviour) or thread, for everything we compile.
# mimalloc is left out then, because the sanitizers see errors only in memory they hand out.

# Without the check of vptrs, which opens a pipe and errs where a test has used up all descriptors.
set(sanitizer_address -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
set(sanitizer_thread -fsanitize=thread)

if(TROUPE_SANITIZE)
  if(NOT DEFINED sanitizer_${TROUPE_SANITIZE})
    message(FATAL_ERROR "TROUPE_SANITIZE is '${TROUPE_SANITIZE}'; it must be address, thread or empty")
  endif()
  set(TROUPE_SANITIZE_FLAGS ${sanitizer_${TROUPE_SANITIZE}} -fno-omit-frame-pointer)
  add_compile_options(${TROUPE_SANITIZE_FLAGS})
  add_link_options(${TROUPE_SANITIZE_FLAGS})
  set(TROUPE_MIMALLOC OFF)
  if(TROUPE_SANITIZE STREQUAL "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(TROUPE_FUZZ ON)  # libFuzzer steers by the coverage of all our code
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
endif()
