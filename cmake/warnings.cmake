# troupe_warnings(target): our warning set, for our own code only.

function(troupe_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wunused
    # GCC's optimiser reports the first two in its own std::string where strings are joined; for the
    # third it does not see that a template uses the types of a local class, and for the fourth what
    # is made in the frame of a coroutine before it is suspended.
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-unused-local-typedefs;-Wno-maybe-uninitialized>"
    $<$<BOOL:${TROUPE_WERROR}>:-Werror>)
endfunction()
